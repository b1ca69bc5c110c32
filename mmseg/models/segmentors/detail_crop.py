"""Where the detail crop of a training image lies (HRDA, Hoyer et al., 2022, sec. 4.1); chance is an argument."""

import torch

from mmseg.errors import InputError
from mmseg.models.layers.box import Box

Size = tuple[int, int]


def draw_box(size: Size, crop: Size, *, divisible: int, generator: torch.Generator | None = None) -> Box:
    """A crop of ``crop`` = (height, width) in an image of ``size``, every place of its grid equally likely.

    Nothing is drawn where the crop is the image. Otherwise the row is drawn first, as the published program does from
    NumPy's global generator, whose integers :func:`box_at` takes as well.

    Args:
        size: (H, W) of the image.
        crop: at most ``size``.
        divisible: distance of neighbouring places, in pixels.
        generator: of the CPU; None is the global one.

    Raises:
        InputError: there is no such place, see :func:`grid`.
    """
    counts = grid(size, crop, divisible)
    if crop == size:
        return box_at((0, 0), crop, divisible)
    row, column = (int(torch.randint(count, (), generator=generator)) for count in counts)
    return box_at((row, column), crop, divisible)


def grid(size: Size, crop: Size, divisible: int) -> Size:
    """(rows, columns) of the places of a crop: multiples of ``divisible`` below the margin.

    A margin that ``divisible`` divides is itself no place, as in the published program: with 1024, 512 and 8 the
    offsets are 0, 8, ..., 504. A side without a margin has one place.

    Raises:
        InputError: a side of the crop is longer than the image's, or so little shorter that no place is left.
    """
    counts = []
    for length, side in zip(size, crop, strict=True):
        margin = length - side
        if margin < 0 or 0 < margin < divisible - 1:
            raise InputError(
                f'hr_crop_size={crop} does not fit into training images of {size} (height, width): each side has to be '
                f'equal, or at least {divisible - 1} pixels (crop_coord_divisible - 1) shorter. '
                'Change hr_crop_size or the crop_size of the pipelines.'
            )
        counts.append((margin + 1) // divisible if margin else 1)
    return counts[0], counts[1]


def box_at(place: tuple[int, int], crop: Size, divisible: int) -> Box:
    """The crop at ``place`` = (row, column) of its grid."""
    top, left = (index * divisible for index in place)
    return Box(top, top + crop[0], left, left + crop[1])

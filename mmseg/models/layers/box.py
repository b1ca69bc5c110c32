"""A rectangle of an image, or one of each image, and what lies under it in maps of other resolutions."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Box(NamedTuple):
    """Rows ``top``..``bottom`` - 1 and columns ``left``..``right`` - 1, in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, x: Tensor) -> Tensor:
        """The part of ``x`` (..., H, W) in the box, without a copy."""
        return x[..., self.top : self.bottom, self.left : self.right]

    def places(self, x: Tensor) -> Iterator[tuple[Tensor, slice]]:
        """:meth:`cut` as views of ``x`` (B, ..., H, W), each with its images: here a single one, of all of them."""
        yield self.cut(x), slice(None)

    def scaled(self, size: tuple[int, int], to: tuple[int, int]) -> 'Box':
        """The box on a grid of ``to`` = (h, w) cells over an image of ``size`` = (H, W); edges round down."""
        rows, columns = ((edge * to[0] // size[0] for edge in self[:2]), (edge * to[1] // size[1] for edge in self[2:]))
        return Box(*rows, *columns)


class BoxPerImage(NamedTuple):
    """A box of its own for each image of a batch, all of one size; to be used as a :class:`Box` is."""

    boxes: tuple[Box, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.boxes[0].size

    def cut(self, x: Tensor) -> Tensor:
        """The parts of ``x`` (B, ..., H, W) in the boxes, each of its image."""
        return torch.cat([place for place, _ in self.places(x)])

    def places(self, x: Tensor) -> Iterator[tuple[Tensor, slice]]:
        """The same as a view (1, ..., h, w) of ``x`` for each image."""
        for i, box in enumerate(self.boxes):
            images = slice(i, i + 1)
            yield box.cut(x[images]), images

    def scaled(self, size: tuple[int, int], to: tuple[int, int]) -> 'BoxPerImage':
        """As :meth:`Box.scaled`, each."""
        return BoxPerImage(tuple(box.scaled(size, to) for box in self.boxes))


Window = Box | BoxPerImage


def inside(boxes: Iterable[Window], like: Tensor) -> Tensor:
    """(B, 1, h, w) for ``like`` (B, C, h, w): 1 in any of the boxes, 0 elsewhere."""
    mask = torch.zeros_like(like[:, :1])
    for box in boxes:
        for place, _ in box.places(mask):
            place.fill_(1)
    return mask


def mean_of_windows(windows: Tensor, boxes: Sequence[Window], size: tuple[int, int]) -> Tensor:
    """Put maps of windows where they belong; their mean where they overlap, 0 where there is none.

    Args:
        windows: (len(boxes) * B, C, h, w), window by window: the first B maps are those of the first box.
        boxes: of size (h, w).
        size: (H, W) of the result.
    """
    parts = windows.chunk(len(boxes))
    total = windows.new_zeros((*parts[0].shape[:2], *size))
    shown = windows.new_zeros((len(parts[0]), 1, *size))
    for box, part in zip(boxes, parts, strict=True):
        for place, images in box.places(total):
            place.add_(part[images])
        for place, _ in box.places(shown):
            place.add_(1)
    return total / shown.clamp(min=1)


def cut_windows(x: Tensor, boxes: Iterable[Window]) -> Tensor:
    """The boxes of ``x`` (B, ..., H, W), all of one size, as one batch in the order of :func:`mean_of_windows`."""
    return torch.cat([box.cut(x) for box in boxes])

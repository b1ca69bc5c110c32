"""Bands and depth of image files, and whether a pipeline keeps and understands them."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from io import SEEK_CUR
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from mmengine.logging import print_log

from mmseg.datasets.pipelines.loading import LoadImageFromFile, read_image
from mmseg.datasets.pipelines.test_time_aug import MultiScaleFlipAug
from mmseg.datasets.pipelines.transform import Transform
from mmseg.datasets.tiff import tiff_header
from mmseg.errors import InputError

PNG, JPEG = b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff'
# Of a PNG, by the colour type in its header, as OpenCV gives them: a palette and grey with alpha become colours.
PNG_BANDS = {0: 1, 2: 3, 3: 3, 4: 4, 6: 4}
OPAQUE_TYPES = (2, 3)  # unless a chunk of the file makes a colour transparent
# Frame headers of a JPEG (ITU-T T.81, table B.1): the 16 kinds but the tables that have numbers among them.
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Stored(NamedTuple):
    """How an image file keeps a pixel."""

    dtype: np.dtype
    bands: int


def in_header(path: Path) -> Stored | None:
    """What the header of a PNG or JPEG says of the image as OpenCV reads it unchanged; None for other files.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open('rb') as file:
        head = file.read(26)
        if head.startswith(PNG) and len(head) == 26 and head[25] in PNG_BANDS:
            transparent = head[25] in OPAQUE_TYPES and _has_transparency(file)
            dtype = np.dtype(np.uint16 if head[24] == 16 else np.uint8)
            return Stored(dtype, 4 if transparent else PNG_BANDS[head[25]])
        components = _jpeg_components(file) if head.startswith(JPEG) else None
    return None if components is None else Stored(np.dtype(np.uint8), 1 if components == 1 else 3)


def _has_transparency(png: BinaryIO) -> bool:
    """Whether a chunk in front of the pixels makes colours transparent."""
    png.seek(len(PNG))
    while len(start := png.read(8)) == 8 and start[4:] not in (b'IDAT', b'IEND'):
        if start[4:] == b'tRNS':
            return True
        png.seek(int.from_bytes(start[:4], 'big') + 4, SEEK_CUR)
    return False


def _jpeg_components(jpeg: BinaryIO) -> int | None:
    """Components of a pixel, 1 for grey; None where the file ends before it says it."""
    jpeg.seek(2)
    while len(start := jpeg.read(4)) == 4 and start[0] == 0xFF:
        if start[1] == 0xFF:  # a byte that fills
            jpeg.seek(-3, SEEK_CUR)
        elif start[1] in FRAMES:
            frame = jpeg.read(6)  # bits, height, width, components
            return frame[5] if len(frame) == 6 else None
        else:
            jpeg.seek(int.from_bytes(start[2:], 'big') - 2, SEEK_CUR)
    return None


def stored(path: Path) -> Stored:
    """From the header of a PNG or JPEG; other files are decoded.

    Raises:
        InputError: the file is no image.
    """
    if (said := in_header(path)) is not None:
        return said
    img = read_image(path, 'unchanged')
    return Stored(img.dtype, 1 if img.ndim == 2 else img.shape[2])


def bits_in_header(path: Path) -> int:
    """Bits of a band of a PNG or TIFF, as its header says; 8 for other files, and where they cannot be read."""
    if (header := tiff_header(path)) is not None:
        return header.bits
    with contextlib.suppress(OSError):
        if (said := in_header(path)) is not None:
            return 8 * said.dtype.itemsize
    return 8


def image_reader(steps: Sequence[Transform]) -> Callable[[str | Path], np.ndarray]:
    """How a pipeline reads an image file: as its loading step does, else in colours."""
    return next((step.read for step in steps if isinstance(step, LoadImageFromFile)), read_image)


def all_steps(steps: Sequence[Transform]) -> list[Transform]:
    """The steps of a pipeline and those of its views."""
    views = [step.pipeline.transforms for step in steps if isinstance(step, MultiScaleFlipAug)]
    return [*steps, *(step for view in views for step in view)]


def check_bands(steps: Sequence[Transform], paths: Sequence[Path], owner: str) -> set[int]:
    """Channels of the images that ``steps`` make of files like ``paths``; none if they do not load any.

    The first file is looked at in any case, the others if their headers say what they hold. Warns of bits and bands
    that the loading leaves out.

    Raises:
        InputError: a step cannot work on such images.
    """
    loaders = [step for step in steps if isinstance(step, LoadImageFromFile)]
    if not loaders:
        return set()
    forms = {stored(paths[0]): paths[0]}
    for path in paths[1:]:
        with contextlib.suppress(OSError):  # it is said when the file is read, with its name
            if (form := in_header(path)) is not None:
                forms.setdefault(form, path)
    return {_check_form(steps, loaders[0], form, path, owner) for form, path in forms.items()}


def _check_form(steps: Sequence[Transform], loader: LoadImageFromFile, form: Stored, path: Path, owner: str) -> int:
    """Channels of a file of this form, once it is loaded, that all ``steps`` can work on."""
    kind = loader.color_type
    whole = kind == 'unchanged'
    channels = loader.channels(form.bands)
    if loader.bands is not None or loader.repeat_grey:
        loader.read(path)  # whether it has those bands
    dtype = form.dtype if whole else np.dtype(np.uint8)
    lost = [f'it is {form.dtype}, of which 8 bits are kept'] if dtype != form.dtype else []
    lost += [f'of its {form.bands} bands the last is left out'] if kind.startswith('color') and form.bands > 3 else []
    if lost:
        print_log(
            f'{owner}: image {str(path)!r}: {" and ".join(lost)} with color_type={kind!r} of LoadImageFromFile '
            "('unchanged' keeps all).",
            'current',
            level=logging.WARNING,
        )
    if loader.bands is not None and any(getattr(step, 'to_rgb', False) for step in all_steps(steps)):
        raise InputError(
            f'{owner}: bands={list(loader.bands)} of LoadImageFromFile says in which order the network gets them: '
            'give Normalize to_rgb=False.'
        )
    current = np.dtype(np.float32) if loader.to_float32 else dtype
    for step in all_steps(steps):
        step.check_image(channels, current, str(path))
        current = step.gives(current)
    return channels

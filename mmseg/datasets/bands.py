"""Bands and depth of image files, and whether a pipeline keeps and understands them."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log

from mmseg.datasets.pipelines.loading import LoadImageFromFile, read_image
from mmseg.datasets.pipelines.test_time_aug import MultiScaleFlipAug
from mmseg.datasets.pipelines.transform import Transform
from mmseg.datasets.tiff import tiff_header
from mmseg.errors import InputError

PNG, JPEG = b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff'
PNG_BANDS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by the colour type in its header; a palette becomes colours


class Stored(NamedTuple):
    """How an image file keeps a pixel."""

    dtype: np.dtype
    bands: int


def in_header(path: Path) -> Stored | None:
    """What the header of a PNG or JPEG says; None for other files.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open('rb') as file:
        head = file.read(26)
    if head.startswith(PNG) and len(head) == 26 and head[25] in PNG_BANDS:
        return Stored(np.dtype(np.uint16 if head[24] == 16 else np.uint8), PNG_BANDS[head[25]])
    return Stored(np.dtype(np.uint8), 3) if head.startswith(JPEG) else None


def stored(path: Path) -> Stored:
    """From the header of a PNG; a JPEG has 8 bits; other files are decoded.

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

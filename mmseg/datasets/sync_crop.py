"""The same part of source and target images, for crops smaller than those that classes are drawn for."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from mmseg.datasets.pipelines.compact import CONTENT
from mmseg.errors import InputError


def check_size(size: Sequence[int] | None) -> tuple[int, int] | None:
    """``sync_crop_size`` of a config as (height, width); None stays None.

    Raises:
        InputError: it is no size.
    """
    if size is None:
        return None
    if len(size) != 2 or any(not isinstance(side, int) or side < 1 for side in size):
        raise InputError(f'sync_crop_size has to be two whole numbers of at least 1 (height, width), got {size!r}')
    return size[0], size[1]


def cut_alike(sample: Mapping[str, Any], size: tuple[int, int], rng: np.random.Generator) -> dict[str, Any]:
    """``sample`` with one random box of ``size`` = (height, width) cut from all its images and maps.

    The row is drawn first, each place equally likely.

    Args:
        sample: tensors (C, H, W), all of one size, and their meta data.
        size: of the box.
        rng: all chance of it.

    Raises:
        InputError: the sizes differ, or are smaller than the box.
    """
    shapes = {tuple(value.shape[1:]) for value in sample.values() if isinstance(value, Tensor)}
    height, width = min(shapes)
    if len(shapes) > 1 or size[0] > height or size[1] > width:
        told = ', '.join(f'{h}x{w}' for h, w in sorted(shapes))
        raise InputError(
            f'sync_crop_size={size} (height, width) cuts the same box from source and target: both crops have to be of '
            f'one size, and at least as large; they are {told}.'
        )
    top, left = (int(rng.integers(length - side + 1)) for length, side in zip((height, width), size, strict=True))
    return {key: _cut(value, top, left, size) for key, value in sample.items()}


def _cut(value: Any, top: int, left: int, size: tuple[int, int]) -> Any:
    if isinstance(value, Tensor):
        return value[:, top : top + size[0], left : left + size[1]].contiguous()
    if isinstance(value, Mapping) and value.get(CONTENT) is not None:  # meta data of an image normalised later
        content = tuple(
            min(max(edge - start, 0), side) for edge, start, side in zip(value[CONTENT], (top, left), size, strict=True)
        )
        return {**value, CONTENT: content}
    return value

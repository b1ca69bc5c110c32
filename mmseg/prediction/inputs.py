"""Images as Python programs have them -> what a pipeline takes: BGR (H, W, 3), or (H, W, C) of other bands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from mmseg.datasets.pipelines.loading import WORKABLE, LoadImageFromFile
from mmseg.errors import InputError

ChannelOrder = Literal['rgb', 'bgr']
UNIT = 1.0 + 1e-6


def images_of(given: Any) -> tuple[list[Any], bool]:
    """The single images in ``given``, and whether it was one image rather than several."""
    if isinstance(given, np.ndarray | Tensor) and given.ndim == 4:
        return list(given), False
    if isinstance(given, Sequence) and not isinstance(given, str):
        return list(given), False
    return [given], True


def pixels_of(image: Any, channel_order: ChannelOrder, load: LoadImageFromFile) -> np.ndarray:
    """One image as an array (H, W, C).

    Args:
        image: a path; an array (H, W), (H, W, C), of other bands than those of pictures as the network takes them;
            a PIL image; or a tensor (C, H, W), uint8 or float in 0..1.
        channel_order: of arrays and tensors with three or four channels.
        load: how a file is read.

    Raises:
        InputError: it is none of these, or its values are of another kind.
    """
    if isinstance(image, str | Path):
        return load.read(image)
    if isinstance(image, Tensor):
        return _ordered(_of_tensor(image), channel_order, load)
    if isinstance(image, np.ndarray):
        return _ordered(image, channel_order, load)
    if hasattr(image, 'convert') and hasattr(image, 'mode'):  # PIL's, without importing it
        return _ordered(np.asarray(image.convert('RGB')), 'rgb', load)
    raise InputError(f'An image is a path, an array, a PIL image or a tensor, not {type(image).__name__}.')


def _of_tensor(image: Tensor) -> np.ndarray:
    if image.ndim not in (2, 3):
        raise InputError(f'An image tensor is (C, H, W), or (B, C, H, W) for several, not {tuple(image.shape)}.')
    values = image.detach().cpu()
    if values.is_floating_point():
        if values.numel() and not (values.min() >= 0 and values.max() <= UNIT):
            raise InputError('An image tensor of floats holds values in 0..1, not yet normalised.')
        values = (values * 255).round().byte()
    array = values.numpy()
    return array if array.ndim == 2 else array.transpose(1, 2, 0)


def _ordered(array: np.ndarray, channel_order: ChannelOrder, load: LoadImageFromFile) -> np.ndarray:
    """An array as the loading step would give the file: of a network for pictures three bands, of others all."""
    if channel_order not in ('rgb', 'bgr'):
        raise InputError(f"channel_order is 'rgb' or 'bgr', not {channel_order!r}.")
    if array.ndim not in (2, 3) or array.dtype not in WORKABLE or 0 in array.shape:
        kinds = ', '.join(np.dtype(kind).name for kind in WORKABLE)
        raise InputError(f'An image array is (H, W) or (H, W, C) of {kinds}, not {array.dtype} {array.shape}.')
    bands = 1 if array.ndim == 2 else array.shape[2]
    pictures = load.color_type.startswith('color')
    if bands == 1 and not (pictures or load.repeat_grey):
        return array.reshape(array.shape[:2])
    if bands == 1:
        return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if bands == 4 and array.dtype == np.uint8 and pictures:
        array = array[..., :3]  # what covers an image is not part of it
    reverse = channel_order == 'rgb' and array.shape[2] == 3 and load.bands is None
    return np.ascontiguousarray(array[..., ::-1] if reverse else array)

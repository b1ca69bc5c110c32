"""Images as Python programs have them -> what a pipeline takes: BGR (H, W, 3), or (H, W, C) of other bands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from torch import Tensor

from mmseg.datasets.bands import bits_in_header
from mmseg.datasets.pipelines.loading import WORKABLE, LoadImageFromFile
from mmseg.errors import InputError

ChannelOrder = Literal['rgb', 'bgr']
UNIT = 1.0 + 1e-6
PLAIN_MODES = ('L', 'RGB', 'RGBA', 'I', 'F')
OTHER_MODES = {'1': 'L', 'LA': 'RGBA', 'PA': 'RGBA'}
"""Pillow's modes whose values are taken as they are, ``I;16`` besides, and what others become: RGB if not named."""


def images_of(given: Any) -> tuple[list[Any], bool]:
    """The single images in ``given``, and whether it was one image rather than several."""
    if isinstance(given, np.ndarray | Tensor) and given.ndim == 4:
        return list(given), False
    if isinstance(given, Sequence) and not isinstance(given, str):
        return list(given), False
    return [given], True


def name_of(image: Any) -> str:
    """What messages call an image."""
    return str(image) if isinstance(image, str | Path) else 'image'


def bits_of(image: Any) -> int:
    """Bits of a band of an image: of a file as its header says, else of the type of its numbers."""
    if isinstance(image, str | Path):
        return bits_in_header(Path(image))
    if _is_pil(image):
        return 16 if image.mode.startswith('I') else 8
    return 16 if str(getattr(image, 'dtype', '')).endswith('int16') else 8


def pixels_of(image: Any, channel_order: ChannelOrder, load: LoadImageFromFile) -> np.ndarray:
    """One image as an array (H, W[, C]), as ``load`` would give a file that holds it.

    Args:
        image: a path; an array (H, W), (H, W, C), of other bands than those of pictures as the network takes them;
            a PIL image; or a tensor (C, H, W), of pictures uint8 or float in 0..1.
        channel_order: of arrays and tensors with three or four channels.
        load: how a file is read.

    Raises:
        InputError: it is none of these, or its values are of another kind.
    """
    if channel_order not in ('rgb', 'bgr'):
        raise InputError(f"channel_order is 'rgb' or 'bgr', not {channel_order!r}.")
    if isinstance(image, str | Path):
        return load.read(image)
    stored = load.color_type == 'unchanged'
    if _is_pil(image):
        array = _checked(_of_pil(image))
        return load.taken(_bgr(array, 'rgb'), 'image') if stored else _picture(array, 'rgb', load)
    if isinstance(image, Tensor):
        image = _of_tensor(image, stored=stored)
    if not isinstance(image, np.ndarray):
        raise InputError(f'An image is a path, an array, a PIL image or a tensor, not {type(image).__name__}.')
    array = _checked(image)
    return _bands(array, channel_order, load) if stored else _picture(array, channel_order, load)


def _is_pil(image: Any) -> bool:
    return hasattr(image, 'convert') and hasattr(image, 'mode')  # without importing it


def _of_pil(image: Any) -> np.ndarray:
    """The values of a PIL image (H, W[, C]), of one with a palette or other colours those in RGB."""
    plain = image.mode in PLAIN_MODES or image.mode.startswith('I;16')
    array = np.asarray(image if plain else image.convert(OTHER_MODES.get(image.mode, 'RGB')))
    wide = array.dtype == np.int32 and array.size and array.min() >= 0 and array.max() <= np.iinfo(np.uint16).max
    return array.astype(np.uint16) if wide else array


def _of_tensor(image: Tensor, *, stored: bool) -> np.ndarray:
    if image.ndim not in (2, 3):
        raise InputError(f'An image tensor is (C, H, W), or (B, C, H, W) for several, not {tuple(image.shape)}.')
    values = image.detach().cpu()
    if values.is_floating_point():
        values = values.float() if stored else _bytes(values)
    array = values.numpy()
    return array if array.ndim == 2 else array.transpose(1, 2, 0)


def _bytes(values: Tensor) -> Tensor:
    """Floats in 0..1 as 0..255, uint8."""
    if values.numel() and not (values.min() >= 0 and values.max() <= UNIT):
        raise InputError('An image tensor of floats holds values in 0..1, not yet normalised.')
    return (values.float() * 255).round().byte()


def _checked(array: np.ndarray) -> np.ndarray:
    if array.ndim not in (2, 3) or array.dtype not in WORKABLE or 0 in array.shape:
        kinds = ', '.join(np.dtype(kind).name for kind in WORKABLE)
        raise InputError(f'An image array is (H, W) or (H, W, C) of {kinds}, not {array.dtype} {array.shape}.')
    return array


def _bands(array: np.ndarray, channel_order: ChannelOrder, load: LoadImageFromFile) -> np.ndarray:
    """An array for a network that takes values as files have them: its bands are already those of the network."""
    if array.ndim == 2 or array.shape[2] == 1:
        flat = array.reshape(array.shape[:2])
        return np.repeat(flat[..., None], 3, axis=2) if load.repeat_grey else flat
    reverse = array.shape[2] == 3 and load.bands is None
    return np.ascontiguousarray(_bgr(array, channel_order) if reverse else array)


def _picture(array: np.ndarray, channel_order: ChannelOrder, load: LoadImageFromFile) -> np.ndarray:
    """An array for a network of pictures: 8 bits, and as many channels as reading a file in colours or grey gives.

    Raises:
        InputError: its values are those of no picture.
    """
    eight = _eight_bits(array)
    grey = not load.color_type.startswith('color')
    if eight.ndim == 2 or eight.shape[2] == 1:
        flat = eight.reshape(eight.shape[:2])
        return flat if grey and not load.repeat_grey else np.repeat(flat[..., None], 3, axis=2)
    bgr = _bgr(eight, channel_order)
    if bgr.shape[2] == 4:
        bgr = np.ascontiguousarray(bgr[..., :3])  # what covers an image is not part of it
    return load.taken(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), 'image') if grey and bgr.shape[2] == 3 else bgr


def _eight_bits(array: np.ndarray) -> np.ndarray:
    """The upper 8 bits, as decoders of files take them."""
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype != np.uint8:
        raise InputError(f'This network is one for pictures: an image array holds 0..255 as uint8, not {array.dtype}.')
    return array


def _bgr(array: np.ndarray, channel_order: ChannelOrder) -> np.ndarray:
    """Three or four channels in OpenCV's order; others, and a single band, as they are."""
    if channel_order == 'bgr' or array.ndim == 2 or array.shape[2] not in (3, 4):
        return array
    return np.ascontiguousarray(array[..., [2, 1, 0, 3][: array.shape[2]]])

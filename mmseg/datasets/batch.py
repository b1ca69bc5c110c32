"""A batch of the loader on its device -> what the networks take."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmseg.datasets.pipelines.compact import CONTENT
from mmseg.datasets.pipelines.fields import field_of
from mmseg.datasets.pipelines.photometric import Normalize
from mmseg.errors import InputError

METAS = '_metas'


def to_network(batch: dict[str, Any]) -> dict[str, Any]:
    """``batch`` with uint8 images normalised, labels as int64 and masks as bool; what is none stays as it is.

    An image under ``key`` has its meta data under ``key + '_metas'``, which say how it is normalised. Nothing is read
    back from the device.

    Args:
        batch: tensors (B, 3, H, W) uint8 of images and (B, 1, H, W) uint8 (or int32: many
            classes) of labels and masks, and their meta data.

    Raises:
        InputError: the images are normalised in different ways.
    """
    metas = {key: batch.get(f'{key}{METAS}') for key in batch}
    _check_ways([meta for key, entries in metas.items() if is_compact(batch[key]) for meta in entries or ()])
    return {key: _converted(key, value, metas[key]) for key, value in batch.items()}


def is_compact(value: Any) -> bool:
    """Whether ``value`` is as the loader's workers send it."""
    return isinstance(value, Tensor) and value.dtype == torch.uint8


def _check_ways(metas: list[dict]) -> None:
    """Refuse images that are normalised in different ways: the method mixes those of a batch, also of two domains."""
    ways = {_way(meta) for meta in metas}
    if len(ways) > 1:
        told = '; '.join(f'mean {mean}, std {std}' for mean, std in sorted(ways))
        raise InputError(f'Images of one batch are normalised in different ways ({told}): give all pipelines the same.')


def _way(meta: dict) -> tuple[tuple[float, ...], tuple[float, ...]]:
    norm = meta['img_norm_cfg']
    return _numbers(norm['mean']), _numbers(norm['std'])


def _converted(key: str, value: Any, metas: list[dict] | None) -> Any:
    if metas is None:
        stored = isinstance(value, Tensor) and value.dtype in (torch.uint8, torch.int32)
        return field_of(key).for_network(value) if stored else value
    return normalized(value, metas) if is_compact(value) else value


def normalized(images: Tensor, metas: list[dict]) -> Tensor:
    """(B, 3, H, W) uint8, all normalised alike -> float32, the same bits as the pipeline's Normalize and a Pad of 0."""
    table, first = _table(*_way(metas[0]), images.device)
    result = table.index_select(0, (images + first).flatten()).view(images.shape)
    for image, meta in zip(result, metas, strict=True):
        height, width = meta[CONTENT]
        image[:, height:] = 0
        image[:, :, width:] = 0
    return result


def _numbers(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(map(float, values))


@lru_cache(maxsize=16)
def _table(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """What each value of each channel becomes, (channels * 256,): looked up, nothing can be rounded differently.

    And where each channel begins in it, (channels, 1, 1) int32.
    """
    values = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], len(mean), axis=2)
    made = Normalize(mean=mean, std=std, to_rgb=False).apply({'img': values}, None)['img']
    table = torch.from_numpy(np.ascontiguousarray(made[:, 0].T)).flatten()
    first = torch.arange(0, len(table), 256, dtype=torch.int32).view(-1, 1, 1)
    return table.to(device), first.to(device)

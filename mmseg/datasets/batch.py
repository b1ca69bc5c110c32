"""A batch of the loader on its device -> what the networks take."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmseg.datasets.pipelines.compact import CONTENT
from mmseg.datasets.pipelines.photometric import Normalize
from mmseg.errors import InputError

METAS = '_metas'


def to_network(batch: dict[str, Any]) -> dict[str, Any]:
    """``batch`` with uint8 images normalised and uint8 labels as int64; what is neither stays as it is.

    An image under ``key`` has its meta data under ``key + '_metas'``, which say how it is normalised. Nothing is read
    back from the device.

    Args:
        batch: tensors (B, 3, H, W) uint8 of images and (B, 1, H, W) uint8 of labels, and their meta data.
    """
    return {key: _converted(value, batch.get(f'{key}{METAS}')) for key, value in batch.items()}


def _converted(value: Any, metas: list[dict] | None) -> Any:
    if not isinstance(value, Tensor) or value.dtype != torch.uint8:
        return value
    return value.long() if metas is None else normalized(value, metas)


def normalized(images: Tensor, metas: list[dict]) -> Tensor:
    """(B, 3, H, W) uint8 -> float32, the same bits as the pipeline's Normalize and a Pad of 0 make.

    Raises:
        InputError: the images are normalised in different ways.
    """
    ways = {(_numbers(norm['mean']), _numbers(norm['std'])) for norm in (meta['img_norm_cfg'] for meta in metas)}
    if len(ways) > 1:
        told = '; '.join(f'mean {mean}, std {std}' for mean, std in sorted(ways))
        raise InputError(f'Images of one batch are normalised in different ways ({told}): give all pipelines the same.')
    table = _table(*ways.pop(), images.device)
    entry = images.int() + torch.arange(0, table.numel(), 256, dtype=torch.int32, device=images.device).view(-1, 1, 1)
    result = table.index_select(0, entry.flatten()).view(images.shape)
    for image, meta in zip(result, metas, strict=True):
        height, width = meta[CONTENT]
        image[:, height:] = 0
        image[:, :, width:] = 0
    return result


def _numbers(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(map(float, values))


@lru_cache(maxsize=16)
def _table(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> Tensor:
    """What each value of each channel becomes, (channels * 256,): looked up, nothing can be rounded differently."""
    values = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], len(mean), axis=2)
    made = Normalize(mean=mean, std=std, to_rgb=False).apply({'img': values}, None)['img']
    return torch.from_numpy(np.ascontiguousarray(made[:, 0].T)).flatten().to(device)

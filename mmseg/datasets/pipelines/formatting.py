"""From arrays to the tensors and meta data that the networks get."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmseg.datasets.pipelines.fields import field_of
from mmseg.datasets.pipelines.transform import Transform
from mmseg.errors import InputError, nearest
from mmseg.registry import TRANSFORMS

META_KEYS = (
    'filename', 'ori_filename', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor', 'flip', 'flip_direction',
    'img_norm_cfg',
)  # fmt: skip
ABSENT = {'filename': None, 'ori_filename': None, 'flip': False, 'flip_direction': 'horizontal'}


def image_tensor(img: np.ndarray) -> Tensor:
    """(H, W) or (H, W, C) array -> contiguous float32 tensor (C, H, W)."""
    channels_last = img if img.ndim == 3 else img[..., None]
    return torch.from_numpy(np.ascontiguousarray(channels_last.transpose(2, 0, 1))).float()


@TRANSFORMS.register_module()
class DefaultFormatBundle(Transform):
    """Image -> float tensor (3, H, W), label -> int64 tensor (1, H, W), other fields as their kind says."""

    def apply(self, results: dict, params: None) -> dict:
        results = dict(results)
        if 'img' in results:
            results['img'] = image_tensor(results['img'])
        for field in results.get('seg_fields', []):
            results[field] = field_of(field).tensor(results[field])
        return results


@TRANSFORMS.register_module()
class ImageToTensor(Transform):
    """The images under ``keys`` -> float tensors (3, H, W)."""

    def __init__(self, *, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)

    def apply(self, results: dict, params: None) -> dict:
        return {**results, **{key: image_tensor(results[key]) for key in self.keys}}


@TRANSFORMS.register_module()
class Collect(Transform):
    """The sample: what ``keys`` name, and ``img_metas``, a dict of what ``meta_keys`` name."""

    def __init__(self, *, keys: Sequence[str], meta_keys: Sequence[str] = META_KEYS) -> None:
        self.keys = tuple(keys)
        self.meta_keys = tuple(meta_keys)

    def apply(self, results: dict, params: None) -> dict:
        known = {**ABSENT, **results}
        for key in (*self.keys, *self.meta_keys):
            if key not in known:
                raise InputError(f'Collect: no step of the pipeline gives {key!r}.{nearest(key, known)}')
        metas = {key: known[key] for key in self.meta_keys}
        return {**{key: known[key] for key in self.keys}, 'img_metas': metas}

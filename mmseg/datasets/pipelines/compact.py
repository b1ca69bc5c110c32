"""Samples that travel small: images stay uint8 until they are on the device, labels always fit.

A float sample of a UDA run is 8.4 MB (two images of 512x512, an int64 label), the same as uint8 1.8 MB. What
:func:`mmseg.datasets.batch.to_network` makes of it on the device is the float sample, bit for bit.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.fields import tensor_of
from mmseg.datasets.pipelines.formatting import Collect, DefaultFormatBundle, ImageToTensor, image_tensor
from mmseg.datasets.pipelines.geometry import Pad
from mmseg.datasets.pipelines.photometric import Normalize, refuse_image
from mmseg.datasets.pipelines.test_time_aug import MultiScaleFlipAug
from mmseg.datasets.pipelines.transform import Part, Transform

CONTENT = 'content'
"""Key of the meta data of a compact image: its (height, width) before padding, which is 0 once it is normalised."""


class LaterNormalize(Transform):
    """Leaves the normalising of a uint8 image to the device; any other image is normalised here."""

    part = Part.IMAGE

    def __init__(self, normalize: Normalize) -> None:
        self.now = normalize

    def apply(self, results: dict, params: None) -> dict:
        if results['img'].dtype != np.uint8 or results['img'].ndim != 3:
            return {**self.now.apply(results, params), CONTENT: None}
        refuse_image(self.now, results)
        norm = {'mean': self.now.mean, 'std': self.now.std, 'to_rgb': self.now.to_rgb}
        return {**results, 'img_norm_cfg': norm, CONTENT: results['img'].shape[:2]}


class CompactFormat(Transform):
    """Image -> tensor (3, H, W) with the network's order of channels, label -> (1, H, W), both as they are stored."""

    def apply(self, results: dict, params: None) -> dict:
        results = dict(results)
        if results[CONTENT] is None:
            results['img'] = image_tensor(results['img'])
        else:
            results['img'] = planes(results['img'], reverse=results['img_norm_cfg']['to_rgb'])
        for field in results.get('seg_fields', []):
            results[field] = tensor_of(results[field][None])
        return results


def planes(img: np.ndarray, *, reverse: bool) -> Tensor:
    """(H, W, C) uint8 -> contiguous (C, H, W), the last channel first if ``reverse``."""
    channels = img.shape[2]
    out = np.empty((channels, *img.shape[:2]), np.uint8)
    for channel in range(channels):
        cv2.extractChannel(img, channels - 1 - channel if reverse else channel, out[channel])
    return torch.from_numpy(out)


def compacted(pipeline: Compose) -> Compose:
    """The pipeline with samples that travel small; itself where its end does something that only works on floats."""
    steps = pipeline.transforms
    if any(isinstance(step, MultiScaleFlipAug) for step in steps):
        return Compose([step.with_views(compacted) if isinstance(step, MultiScaleFlipAug) else step for step in steps])
    return Compose(_compact_end(steps) or steps)


def _compact_end(steps: Sequence[Transform]) -> list[Transform] | None:
    """The steps for an end of Normalize, perhaps Pad, formatting, Collect; None for any other end."""
    kinds = [type(step) for step in steps]
    place = kinds.index(Normalize) if Normalize in kinds else len(steps)
    before, end = steps[:place], [step for step in steps[place + 1 :] if not isinstance(step, Pad)]
    pads = [step for step in steps if isinstance(step, Pad)]
    if [type(step) for step in end] not in ([DefaultFormatBundle, Collect], [ImageToTensor, Collect]):
        return None
    # A border made before would count as content, and one of another value would not be that of the plain way.
    if any(step in before or step.pad_val != 0 for step in pads):
        return None
    normalize, collect = steps[place], end[-1]
    assert isinstance(normalize, Normalize)
    assert isinstance(collect, Collect)
    meta_keys = dict.fromkeys((*collect.meta_keys, 'img_norm_cfg', CONTENT))
    last = Collect(keys=collect.keys, meta_keys=tuple(meta_keys))
    return [*before, LaterNormalize(normalize), *pads, CompactFormat(), last]

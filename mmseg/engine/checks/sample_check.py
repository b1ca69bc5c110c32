"""Whether the pipelines of a config give what networks take: found by making one sample, before the first iteration."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from mmseg.config.components import told_with_place
from mmseg.datasets.stream import TrainingSet
from mmseg.errors import InputError

LABEL, NORM = 'gt_semantic_seg', 'img_norm_cfg'
#: what a prediction is put together by, and named after
OF_TESTING = ('filename', 'ori_shape')


def check_training_sample(train_set: Any, *, seed: int, target: bool, source: bool = True) -> Mapping[str, Any] | None:
    """Make the first sample of ``train_set`` and look at it; returns how its image was normalised, if that is known.

    Args:
        train_set: the training data.
        seed: of the run.
        target: the method learns from target images too.
        source: it learns from labelled images.

    Raises:
        InputError: a step fails, or what comes out is not what a network takes; names the part of the config.
    """
    sample = _tried('data.train', lambda: train_set.sample(0, seed))
    if not isinstance(train_set, TrainingSet):
        return None
    if not source:
        _check_image(sample, 'target_img', 'data.train.target')
        if NORM not in sample.get('target_img_metas', {}):
            raise InputError(
                "data.train.target.pipeline: Collect leaves 'img_norm_cfg' out of meta_keys; it is needed."
            )
        return sample['target_img_metas'][NORM]
    _check_image(sample, 'img', 'data.train')
    _check_label(sample, 'data.train')
    if target:
        _check_image(sample, 'target_img', 'data.train.target')
        if NORM not in sample.get('img_metas', {}):
            raise InputError(
                "data.train.source.pipeline: Collect leaves 'img_norm_cfg' out of meta_keys; it is needed."
            )
        warn_of_other_norm('data.train.target', sample.get('target_img_metas', {}).get(NORM), sample['img_metas'][NORM])
    return sample.get('img_metas', {}).get(NORM)


def check_test_sample(
    dataset: Any, place: str, *, takes: Callable[[tuple[int, int], str], None] = lambda *_: None
) -> Mapping[str, Any] | None:
    """Make the first sample of a test set and look at it; returns how its image was normalised, if that is known.

    ``takes`` is asked of the (height, width) of its views at ``place``, and raises for one that the network does not
    take.

    Raises:
        InputError: as :func:`check_training_sample`.
    """
    sample = _tried(place, lambda: dataset[0])
    if not isinstance(dataset, TrainingSet):
        return None
    views = sample.get('img')
    for number, view in enumerate(views if isinstance(views, list) and views else [views]):
        _check_image({**sample, 'img': view}, 'img', place)
        takes((view.shape[1], view.shape[2]), place)
        metas = sample.get('img_metas', {})
        meta: Mapping[str, Any] = metas[number] if isinstance(metas, list) else metas
        missing = [key for key in OF_TESTING if key not in meta]
        if missing:
            raise InputError(f'{place}: Collect in the pipeline leaves {missing[0]!r} out of meta_keys; it is needed.')
    return meta.get(NORM)


def warn_of_other_norm(place: str, norm: Mapping[str, Any] | None, source: Mapping[str, Any] | None) -> None:
    """Say so where the images at ``place`` are normalised otherwise than those with labels that are learnt from."""
    if norm is None or source is None:
        return
    texts = [', '.join(f'{key}={np.asarray(one[key]).tolist()}' for key in sorted(one)) for one in (norm, source)]
    if texts[0] != texts[1]:
        print_log(
            f'{place} normalises images with {texts[0]}, but the labelled training data with {texts[1]}: to the '
            'network they look like images of other colours. Is Normalize the same everywhere?',
            'current',
            level=logging.WARNING,
        )


def _tried(place: str, make: Callable[[], Any]) -> Mapping[str, Any]:
    try:
        sample = told_with_place(f'{place}: its pipeline fails at the first sample', make)
    except InputError as error:
        if isinstance(error.__cause__, InputError):  # says itself what is wrong, with the file
            raise error.__cause__ from None
        raise
    if not isinstance(sample, Mapping):
        raise InputError(
            f'{place}: its pipeline gives a {type(sample).__name__} instead of a dict: is there a Collect?'
        )
    return sample


def _check_image(sample: Mapping[str, Any], key: str, place: str) -> None:
    img = sample.get(key)
    if img is None:
        raise InputError(f"{place}: its pipeline gives no image: it has to end with Collect(keys=['img', ...]).")
    if isinstance(img, Sequence) and not isinstance(img, str):
        raise InputError(
            f'{place}: its pipeline gives several views of an image, as pipelines of testing do (MultiScaleFlipAug).'
        )
    if not (isinstance(img, Tensor) and img.ndim == 3 and img.is_floating_point()):
        raise InputError(
            f'{place}: its pipeline gives the image as {_described(img)}, where a network takes a tensor of floats '
            '(channels, height, width): DefaultFormatBundle (in testing ImageToTensor) stands once, before Collect.'
        )
    if not torch.isfinite(img).all():
        raise InputError(f'{place}: its pipeline gives an image with values that are no numbers.')


def _check_label(sample: Mapping[str, Any], place: str) -> None:
    label = sample.get(LABEL)
    if label is None:
        raise InputError(
            f"{place}: its pipeline gives no labels: it needs LoadAnnotations, and Collect(keys=['img', '{LABEL}'])."
        )
    size = (1, *sample['img'].shape[1:])
    if not (isinstance(label, Tensor) and tuple(label.shape) == size and not label.is_floating_point()):
        raise InputError(
            f'{place}: its pipeline gives labels as {_described(label)} for an image of {size[1]}x{size[2]} (height x '
            f'width), where whole numbers {size} are needed: is a step missing, or behind DefaultFormatBundle?'
        )


def _described(value: Any) -> str:
    shape = tuple(getattr(value, 'shape', ()))
    return f'{type(value).__name__} of {getattr(value, "dtype", "no type")} {shape}'

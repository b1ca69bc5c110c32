"""Class weights of losses from the statistics of the labels, where a config asks for them by name."""

from collections.abc import Callable, Mapping

import numpy as np
from mmengine import Config

from mmseg.config.leaves import dicts_in
from mmseg.datasets.loader import build_dataset
from mmseg.errors import InputError, nearest


def median_frequency(counts: np.ndarray) -> np.ndarray:
    """median(f) / f_c, f_c being the share of class c in the images that show it (Eigen and Fergus, 2015)."""
    shown = counts > 0
    pixels = (counts.sum(axis=1, keepdims=True) * shown).sum(axis=0)
    frequency = counts.sum(axis=0) / np.maximum(pixels, 1)
    return np.median(frequency[frequency > 0]) / np.where(frequency > 0, frequency, 1)


def inverse_log(counts: np.ndarray) -> np.ndarray:
    """1 / ln(1.02 + p_c), p_c being the share of class c in all labelled pixels (Paszke et al., ENet, 2016)."""
    return 1 / np.log(1.02 + counts.sum(axis=0) / counts.sum())


WAYS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    'median_frequency': median_frequency,
    'inverse_log': inverse_log,
}


def settle_class_weights(cfg: Config) -> None:
    """Replace ``class_weight='median_frequency'`` (or another of :data:`WAYS`) in the losses of ``cfg`` by numbers.

    They are those of the labelled training images; a class that these do not show has 1. A run saves the numbers.

    Raises:
        InputError: there is no such way.
    """
    losses = [part for part in dicts_in(cfg.model) if isinstance(part.get('class_weight'), str)]
    for loss in losses:
        if loss['class_weight'] not in WAYS:
            raise InputError(
                f'class_weight={loss["class_weight"]!r} of {loss.get("type")} is no list of numbers and none of '
                f'{", ".join(WAYS)}.{nearest(loss["class_weight"], WAYS)}'
            )
    if not losses:
        return
    train = cfg.data.train
    if isinstance(train, Mapping) and train.get('target') and not train.get('source'):
        raise InputError(
            f'class_weight={losses[0]["class_weight"]!r} of {losses[0].get("type")} is of labelled images, but '
            'data.train has no source: give numbers.'
        )
    counts = build_dataset(
        train['source'] if isinstance(train, Mapping) and 'source' in train else train
    ).class_counts()
    seen = counts.sum(axis=0) > 0
    for loss in losses:
        weights = np.where(seen, WAYS[loss['class_weight']](counts), 1.0)
        loss['class_weight'] = [round(float(weight), 4) for weight in weights]

"""Several data sets of one role, each drawn as often as its weight says, whatever its size."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmseg.datasets.dataset_wrappers import ConcatDataset, built
from mmseg.datasets.rare_class_sampling import Sources
from mmseg.datasets.stream import TrainingSet, shuffled
from mmseg.errors import InputError
from mmseg.registry import DATASETS

STREAMS = 3
"""Random orders of one data set that a sample may ask for: source, target, second source."""


@DATASETS.register_module()
class MixedDataset(ConcatDataset):
    """Data sets of the same classes, of which each sample draws one by its share, then one of its images.

    Each of them runs through its images in random orders of its own: of place i of the stream it gives image i of its
    order. A single one is read as it is alone.

    Args:
        datasets: configs of data sets, or data sets.
        weights: how often each is drawn, relative to the others; above 0.

    Attributes:
        shares: the weights, with sum 1.

    Raises:
        InputError: the classes differ, or the weights are not as many numbers above 0.
    """

    def __init__(self, *, datasets: Sequence[dict | TrainingSet], weights: Sequence[float]) -> None:
        super().__init__(datasets=datasets)
        self.shares = shares_of(weights, len(self.datasets))

    def draw_shares(self) -> np.ndarray:
        return self.shares

    def sources(self) -> Sources:
        """Which image is of which data set, for rare class sampling."""
        return Sources(np.repeat(np.arange(len(self.datasets)), self.sizes()), self.shares)

    def place(self, i: int, seed: int, stream: int, rng: np.random.Generator) -> int:
        which = int(rng.choice(len(self.datasets), p=self.shares)) if len(self.datasets) > 1 else 0
        own = shuffled(i, len(self.datasets[which]), seed, stream + STREAMS * which)
        return int(self.starts[which]) + own


def shares_of(weights: Any, count: int, key: str = 'weights') -> np.ndarray:
    """``count`` weights as shares with sum 1.

    Raises:
        InputError: they are not ``count`` numbers above 0; names the ``key`` of the config.
    """
    listed = isinstance(weights, Sequence) and not isinstance(weights, str)
    if not listed or len(weights) != count or not all(map(_is_weight, weights)):
        raise InputError(f'{key}={weights!r}: give {count} numbers above 0, one for each of the {count} data sets.')
    return np.asarray(weights, dtype=np.float64) / math.fsum(weights)


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def mixed(
    dataset: dict | Sequence[dict | TrainingSet] | TrainingSet, weights: Sequence[float] | None, key: str
) -> TrainingSet:
    """One data set of a description; a list of them with ``weights`` (``key`` of the config) is drawn by these.

    Raises:
        InputError: there are weights, and no list; or as :class:`MixedDataset`.
    """
    if weights is None:
        return built(dataset)
    if not isinstance(dataset, list | tuple):
        raise InputError(f'{key} says how often each of several data sets is drawn, but there is one: give a list.')
    shares_of(weights, len(dataset), key)  # said here, where the key is known
    return MixedDataset(datasets=dataset, weights=weights) if len(dataset) > 1 else built(dataset)


def with_share(rest: TrainingSet, further: TrainingSet, share: float, key: str) -> MixedDataset:
    """``rest`` and ``further``, which has ``share`` of all draws; parts of ``rest`` keep their shares among themselves.

    Raises:
        InputError: ``share`` is not between 0 and 1; names the ``key`` of the config. Or the classes differ.
    """
    if not (_is_weight(share) and share < 1):
        raise InputError(f'{key}={share!r}: give a share between 0 and 1 of the labelled images.')
    parts = rest.datasets if isinstance(rest, MixedDataset) else [rest]
    shares = rest.shares if isinstance(rest, MixedDataset) else np.ones(1)
    return MixedDataset(datasets=[*parts, further], weights=[*((1 - share) * shares).tolist(), share])

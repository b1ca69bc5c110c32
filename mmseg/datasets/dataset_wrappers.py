"""Data sets made of data sets."""

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Self

import numpy as np

from mmseg.config.values import Count, Fraction
from mmseg.datasets.files import Joined
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.labels import LabelReader
from mmseg.datasets.stream import TrainingSet
from mmseg.errors import InputError
from mmseg.registry import DATASETS


def built(dataset: dict | Sequence[dict | TrainingSet] | TrainingSet) -> TrainingSet:
    """A data set as it is, or from its config, or from those of its parts."""
    if isinstance(dataset, list | tuple):
        return ConcatDataset(datasets=dataset)
    return DATASETS.build(dataset) if isinstance(dataset, dict) else dataset  # type: ignore[return-value]


@DATASETS.register_module()
class ConcatDataset(TrainingSet):
    """Several data sets of the same classes, one behind the other; what a list of configs means.

    Raises:
        InputError: the classes differ.
    """

    def __init__(self, *, datasets: Sequence[dict | TrainingSet]) -> None:
        self.datasets = [built(dataset) for dataset in datasets]
        for dataset in self.datasets[1:]:
            check_same_classes(self.datasets[0].label_set, dataset.label_set)
        self.label_set = self.datasets[0].label_set
        self.split_name = '+'.join(dataset.split_name for dataset in self.datasets)
        self.img_infos = Joined([dataset.img_infos for dataset in self.datasets])
        self.starts = np.cumsum([0, *map(len, self.datasets)])

    @property
    def labelled(self) -> bool:
        return all(dataset.labelled for dataset in self.datasets)

    def __len__(self) -> int:
        return len(self.img_infos)

    def draw(self, index: int, rng: np.random.Generator, accept: Callable[[np.ndarray], bool] | None = None) -> dict:
        dataset, inside = self._locate(index)
        return dataset.draw(inside, rng, accept)

    def __getitem__(self, index: int) -> dict:
        dataset, inside = self._locate(index)
        return dataset[inside]

    def label_of(self, index: int) -> np.ndarray:
        dataset, inside = self._locate(index)
        return dataset.label_of(inside)

    def image_path(self, index: int) -> Path:
        dataset, inside = self._locate(index)
        return dataset.image_path(inside)

    def group_of(self, index: int) -> str:
        dataset, inside = self._locate(index)
        return dataset.group_of(inside)

    def image_of(self, index: int) -> np.ndarray:
        dataset, inside = self._locate(index)
        return dataset.image_of(inside)

    def label_path(self, index: int) -> Path:
        dataset, inside = self._locate(index)
        return dataset.label_path(inside)

    def class_counts(self, index_dir: str | Path | None = None) -> np.ndarray:
        return np.concatenate([dataset.class_counts(index_dir) for dataset in self.datasets])

    def known_counts(self, index_dir: str | Path | None = None) -> np.ndarray | None:
        parts = {id(dataset): dataset.known_counts(index_dir) for dataset in self.datasets}
        if any(counts is None for counts in parts.values()):
            return None
        return np.concatenate([parts[id(dataset)] for dataset in self.datasets])

    def channels(self) -> set[int]:
        return {channels for dataset in self.datasets for channels in dataset.channels()}

    def common_reader(self) -> LabelReader | None:
        readers = {dataset.common_reader() for dataset in self.datasets}
        return readers.pop() if len(readers) == 1 else None

    def compacted(self) -> Self:
        other = copy(self)
        other.datasets = [dataset.compacted() for dataset in self.datasets]
        return other

    def _locate(self, index: int) -> tuple[TrainingSet, int]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._within(index)

    def _within(self, index: int) -> tuple[TrainingSet, int]:
        """The data set that holds number ``index`` of all, and its number there."""
        which = int(np.searchsorted(self.starts, index, side='right')) - 1
        return self.datasets[which], index - int(self.starts[which])


@DATASETS.register_module()
class RepeatDataset(ConcatDataset):
    """A data set whose epoch is ``times`` passes."""

    def __init__(self, *, dataset: dict | Sequence[dict | TrainingSet] | TrainingSet, times: Count) -> None:
        if times < 1:
            raise InputError(f'RepeatDataset: times is at least 1, not {times}.')
        super().__init__(datasets=[built(dataset)] * times)


class ChosenDataset(ConcatDataset):
    """Images of data sets by number; an image may come several times."""

    indices: np.ndarray

    def choose(self, indices: np.ndarray) -> None:
        """Let these be the images, in this order; called once, by a constructor."""
        whole = self.img_infos
        self.indices = indices
        self.img_infos = [whole[int(index)] for index in indices]

    def class_counts(self, index_dir: str | Path | None = None) -> np.ndarray:
        return super().class_counts(index_dir)[self.indices]

    def known_counts(self, index_dir: str | Path | None = None) -> np.ndarray | None:
        counts = super().known_counts(index_dir)
        return None if counts is None else counts[self.indices]

    def _within(self, index: int) -> tuple[TrainingSet, int]:
        return super()._within(int(self.indices[index]))


@DATASETS.register_module()
class ClassBalancedDataset(ChosenDataset):
    """A data set whose epoch shows images with rare classes more often (Gupta et al., LVIS, 2019).

    An image comes ceil(max over its classes of max(1, sqrt(oversample_thr / f))) times, f being the share of the images
    that show the class.

    Args:
        dataset: config of the data set, a list of them, or the data set.
        oversample_thr: classes in a smaller share of the images count as rare.
        index_dir: where the class index goes if the folder of the labels cannot be written to.
    """

    def __init__(
        self,
        *,
        dataset: dict | Sequence[dict | TrainingSet] | TrainingSet,
        oversample_thr: Fraction,
        index_dir: str | Path | None = None,
    ) -> None:
        super().__init__(datasets=[built(dataset)])
        times = repeats(self.datasets[0].class_counts(index_dir), oversample_thr)
        self.choose(np.repeat(np.arange(len(times)), times))


def repeats(counts: np.ndarray, threshold: float) -> np.ndarray:
    """How often each image comes, (images,), of pixels of each class in each image (images, classes)."""
    shown = counts > 0
    share = shown.mean(axis=0)
    rarity = np.maximum(1.0, np.sqrt(threshold / np.maximum(share, 1e-12)))
    return np.ceil(np.where(shown, rarity, 1.0).max(axis=1)).astype(int)


def check_same_classes(first: LabelSet, second: LabelSet) -> None:
    """Refuse data sets whose train ids mean different classes."""
    if first.classes != second.classes:
        raise InputError(
            f'Data sets that are used together need the same classes in the same order: {list(first.classes)} '
            f'({first.name}) and {list(second.classes)} ({second.name}).'
        )

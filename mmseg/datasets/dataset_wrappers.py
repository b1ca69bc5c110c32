"""Data sets made of data sets."""

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Self

import numpy as np

from mmseg.config.values import Count, Fraction
from mmseg.datasets.files import Joined
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.labels import LabelReader
from mmseg.datasets.stream import DOMAIN, METAS, Domain, TrainingSet
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

    Meta data of what is drawn say of which of them it is, where there are several.

    Raises:
        InputError: there is none, or the classes differ.
    """

    def __init__(self, *, datasets: Sequence[dict | TrainingSet]) -> None:
        if not datasets:
            raise InputError(f'{type(self).__name__}: an empty list holds no data set: name at least one.')
        self.datasets = [built(dataset) for dataset in datasets]
        for number, dataset in enumerate(self.datasets[1:], start=2):
            which = f'the first of a list and number {number}'
            check_same_classes(self.datasets[0].label_set, dataset.label_set, which)
        self.names = told_apart(self.datasets)
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
        which, inside = self._located(index)
        return self._named(self.datasets[which].draw(inside, rng, accept), which)

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

    def domain_name(self) -> str:
        return '+'.join(dict.fromkeys(dataset.domain_name() for dataset in self.datasets))

    def domains(self) -> list[Domain]:
        if len(set(self.names)) == 1:
            return self.datasets[0].domains()
        sizes = self.sizes()
        found = []
        for dataset, name, images, share in zip(self.datasets, self.names, sizes, self.draw_shares(), strict=True):
            inside = dataset.domains() or [Domain(name, int(images), 1.0)]
            found += [one._replace(share=float(one.share * share)) for one in inside]
        return found

    def sizes(self) -> np.ndarray:
        """Images of each of the data sets."""
        return np.diff(self.starts)

    def draw_shares(self) -> np.ndarray:
        """The share of all draws that each of the data sets has."""
        return self.sizes() / max(self.sizes().sum(), 1)

    def common_reader(self) -> LabelReader | None:
        readers = {dataset.common_reader() for dataset in self.datasets}
        return readers.pop() if len(readers) == 1 else None

    def compacted(self) -> Self:
        other = copy(self)
        other.datasets = [dataset.compacted() for dataset in self.datasets]
        return other

    def _named(self, sample: dict, which: int) -> dict:
        """``sample``, whose meta data say where it is from if that is not clear."""
        metas = sample.get(METAS)
        if isinstance(metas, dict) and DOMAIN not in metas and len(set(self.names)) > 1:
            sample[METAS] = {**metas, DOMAIN: self.names[which]}
        return sample

    def _locate(self, index: int) -> tuple[TrainingSet, int]:
        which, inside = self._located(index)
        return self.datasets[which], inside

    def _located(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._within(index)

    def _within(self, index: int) -> tuple[int, int]:
        """The number of the data set that holds image ``index`` of all, and the image's number there."""
        which = int(np.searchsorted(self.starts, index, side='right')) - 1
        return which, index - int(self.starts[which])


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

    def sizes(self) -> np.ndarray:
        which = np.searchsorted(self.starts, self.indices, side='right') - 1
        return np.bincount(which, minlength=len(self.datasets))

    def _within(self, index: int) -> tuple[int, int]:
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


def told_apart(datasets: Sequence[TrainingSet]) -> list[str]:
    """A name for each data set; one that comes several times has one name, others that share one a number."""
    own = {id(dataset): dataset.domain_name() for dataset in datasets}
    count = Counter(own.values())
    seen: Counter[str] = Counter()
    for key, name in own.items():
        if count[name] > 1:
            seen[name] += 1
            own[key] = f'{name} {seen[name]}'
    return [own[id(dataset)] for dataset in datasets]


def check_same_classes(first: LabelSet, second: LabelSet, which: str = 'source and target') -> None:
    """Refuse data sets whose train ids mean different classes; ``which`` says what the two are."""
    if first.classes != second.classes:
        raise InputError(
            f'Data sets that are used together need the same classes in the same order, but {which} have '
            f'{list(first.classes)} ({first.name}) and {list(second.classes)} ({second.name}): give each the shared '
            'ones as classes=[...], and a label_map where its files mean others.'
        )

"""The training stream of a data set: sample i is a function of (seed, i) and of nothing else."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from mmseg.datasets.label_sets import Colour, LabelSet
from mmseg.datasets.labels import LabelReader

METAS, DOMAIN = 'img_metas', 'domain'
"""Where a sample says what its image is, and there of which of several data sets."""


class Domain(NamedTuple):
    """One of several data sets: its name, the number of its images, and the share of all draws that it has."""

    name: str
    images: int
    share: float


class TrainingSet(Dataset):
    """A data set whose images can be drawn for training; all that loaders, evaluation and other data sets ask for.

    Attributes:
        label_set: the classes; also as ``CLASSES``, ``PALETTE`` and ``ignore_index``.
        img_infos: per image ``{'filename', 'img_dir', 'ann': {'seg_map', 'ann_dir'}}``, names relative to the folders.
        split_name: what reports call this part of the data.
    """

    label_set: LabelSet
    img_infos: Sequence[dict]
    split_name: str

    @property
    def labelled(self) -> bool:
        """Whether every image has a label map."""
        return True

    @property
    def CLASSES(self) -> tuple[str, ...]:  # noqa: N802, the name other tools read
        return self.label_set.classes

    @property
    def PALETTE(self) -> tuple[Colour, ...]:  # noqa: N802, the name other tools read
        return self.label_set.palette

    @property
    def ignore_index(self) -> int:
        return self.label_set.ignore_index

    def draw(self, index: int, rng: np.random.Generator, accept: Callable[[np.ndarray], bool] | None = None) -> dict:
        """The image ``index`` through the pipeline with the chance of ``rng``; see :class:`Compose` for ``accept``."""
        raise NotImplementedError

    def label_of(self, index: int) -> np.ndarray:
        """Ground truth of image ``index`` as train ids, uint8 (H, W)."""
        raise NotImplementedError

    def image_path(self, index: int) -> Path:
        """The file of image ``index``."""
        raise NotImplementedError

    def group_of(self, index: int) -> str:
        """The part of the data that image ``index`` belongs to and that is evaluated by itself too; '' for none."""
        return ''

    def image_of(self, index: int) -> np.ndarray:
        """The pixels of image ``index`` as its pipeline reads them, (H, W[, C])."""
        raise NotImplementedError

    def label_path(self, index: int) -> Path:
        """The file of its label map."""
        raise NotImplementedError

    def class_counts(self, index_dir: str | Path | None = None) -> np.ndarray:
        """Pixels of each class in each image, int64 (images, classes); may build an index in ``index_dir``."""
        raise NotImplementedError

    def known_counts(self, index_dir: str | Path | None = None) -> np.ndarray | None:
        """As :meth:`class_counts` where that costs next to nothing: there is an index, or there are few label maps."""
        return None

    def channels(self) -> set[int]:
        """How many channels its images have, as far as that is known; usually one number."""
        return set()

    def common_reader(self) -> LabelReader | None:
        """What the values of the label files mean, if that is the same for all of them."""
        return None

    def compacted(self) -> 'TrainingSet':
        """The same data in samples as small as they can travel, see :mod:`mmseg.datasets.pipelines.compact`."""
        return self

    def __len__(self) -> int:
        raise NotImplementedError

    def image_lists(self) -> dict[str, Sequence[dict]]:
        """Its images as in :attr:`img_infos`, where it has them, by their role in training; '' is the only role."""
        return {'': self.img_infos} if hasattr(self, 'img_infos') else {}

    def domain_name(self) -> str:
        """What it is called among several data sets."""
        return type(self).__name__.removesuffix('Dataset')

    def domains(self) -> list[Domain]:
        """The data sets that it is made of, with their share of all draws; none where it is one."""
        return []

    def about_domains(self) -> list[str]:
        """A sentence on the several data sets that images come from; none where it is one."""
        return told('Images', self.domains())

    def place(self, i: int, seed: int, stream: int, rng: np.random.Generator) -> int:
        """The image at place ``i`` of an endless sequence: every image once an epoch, see :func:`shuffled`."""
        return shuffled(i, len(self), seed, stream)

    def sample(self, i: int, seed: int) -> dict:
        """Sample ``i`` of the endless training stream of a run with ``seed``: every image once an epoch."""
        rng = generator(seed, i)
        return self.draw(self.place(i, seed, 0, rng), rng)


def told(what: str, domains: Sequence[Domain]) -> list[str]:
    """How ``what`` is drawn from ``domains``, in a sentence; none where there are none."""
    if not domains:
        return []
    listed = [f'{one.name} ({one.images} images, {one.share:.1%} of the draws)' for one in domains]
    return [f'{what} come from {", ".join(listed)}.']


def generator(seed: int, i: int) -> np.random.Generator:
    """All chance of sample ``i``."""
    return np.random.default_rng((seed, i))


def shuffled(i: int, length: int, seed: int, stream: int = 0) -> int:
    """Place ``i`` of an endless sequence in which every epoch holds 0..length-1 once, in a new order.

    ``stream`` tells sequences of one seed apart (source and target). One permutation is kept, not the sequence.
    """
    epoch, position = divmod(i, length)
    return int(_order(length, seed, stream, epoch)[position])


@lru_cache(maxsize=16)
def _order(length: int, seed: int, stream: int, epoch: int) -> np.ndarray:
    # The word in front keeps these draws apart from those of the samples, which are seeded by (seed, i).
    return np.random.default_rng((0x0DE5, seed, stream, epoch)).permutation(length)

"""Rare class sampling (DAFormer, section 3.3): images with rare classes are drawn more often."""

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log

from mmseg.datasets.pipelines.compose import REDRAWS
from mmseg.errors import InputError


def class_probabilities(pixels: np.ndarray, temperature: float) -> np.ndarray:
    """P(c) = softmax((1 - f_c) / T), f_c the share of class c in all labelled pixels (eq. 11); sums to 1.

    Args:
        pixels: number of pixels of each class.
        temperature: T > 0; smaller prefers rare classes more, infinity makes all alike.
    """
    logits = (1 - pixels / pixels.sum()) / temperature
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


class Sources(NamedTuple):
    """Data sets that are drawn by shares: of each image the number of its data set, and of each data set its share."""

    of: np.ndarray
    shares: np.ndarray


class Wanted(NamedTuple):
    """One draw: an image, and the class it was drawn for."""

    train_id: int
    image: int


class RareClassSampler:
    """Draws a class, then an image that shows it, and judges whether a crop still does.

    Args:
        counts: pixels of each class in each image, (images, classes).
        classes: class names, for messages.
        min_pixels: an image can stand for a class if it has more than this many pixels of it.
        class_temp: T of :func:`class_probabilities`.
        min_crop_ratio: a crop is accepted with more than ``min_pixels * min_crop_ratio`` pixels of the class; with 0
            it still has to show one.
        tries: how many crops are drawn until one is accepted; the last one is taken as it is.
        sources: the data sets that the images belong to, where these have shares: an image counts by the share of its
            data set divided by the number of images there, and after the class a data set that shows it is drawn by
            its share, then the image. None: all images are alike.

    Attributes:
        train_ids: the classes that are drawn, rarest first.
        probabilities: theirs.

    Raises:
        InputError: no image has more than ``min_pixels`` of any class.
    """

    def __init__(
        self,
        counts: np.ndarray,
        classes: tuple[str, ...],
        *,
        min_pixels: int = 3000,
        class_temp: float = 0.01,
        min_crop_ratio: float = 0.5,
        tries: int = 1 + REDRAWS,
        sources: Sources | None = None,
    ) -> None:
        if class_temp <= 0:
            raise InputError(f'rare_class_sampling: class_temp is above 0, not {class_temp}.')
        self.tries = tries
        self.images = len(counts)
        self.min_crop_pixels = min_pixels * min_crop_ratio
        totals = counts.sum(axis=0) if sources is None else pixels_by_share(counts, sources)
        self.candidates = {
            int(train_id): np.flatnonzero(counts[:, train_id] > min_pixels)
            for train_id in np.argsort(totals, kind='stable')
        }
        dropped = [train_id for train_id, images in self.candidates.items() if not len(images)]
        if len(dropped) == len(classes):
            raise InputError(
                f'rare_class_sampling: no image has more than min_pixels={min_pixels} pixels of any class; '
                f'the most is {counts.max()}. Lower min_pixels.'
            )
        if dropped:
            names = ', '.join(classes[train_id] for train_id in sorted(dropped))
            print_log(
                f'Rare class sampling leaves out classes without an image of more than {min_pixels} pixels: {names}.',
                'current',
                level=logging.WARNING,
            )
        self.train_ids = np.array([train_id for train_id, images in self.candidates.items() if len(images)])
        everywhere = np.full(len(totals), 0.0)
        everywhere[totals > 0] = class_probabilities(totals[totals > 0], class_temp)
        self.probabilities = everywhere[self.train_ids] / everywhere[self.train_ids].sum()
        self.sources = sources

    def draw(self, rng: np.random.Generator) -> Wanted:
        train_id = int(rng.choice(self.train_ids, p=self.probabilities))
        images = self.candidates[train_id]
        if self.sources is not None:
            source = rng.choice(len(self.sources.shares), p=self.source_probabilities(train_id))
            images = images[self.sources.of[images] == source]
        return Wanted(train_id, int(images[rng.choice(len(images))]))

    def source_probabilities(self, train_id: int) -> np.ndarray:
        """From which data set an image of the class comes: by their shares, among those that have one."""
        assert self.sources is not None, 'data sets with shares'
        shown = np.bincount(self.sources.of[self.candidates[train_id]], minlength=len(self.sources.shares)) > 0
        return np.where(shown, self.sources.shares, 0) / self.sources.shares[shown].sum()

    def image_probabilities(self) -> np.ndarray:
        """How probable each image is in a draw, (images,); sums to 1."""
        found = np.zeros(self.images)
        for train_id, probability in zip(self.train_ids, self.probabilities, strict=True):
            images = self.candidates[int(train_id)]
            if self.sources is None:
                found[images] += probability / len(images)
                continue
            of = self.sources.of[images]
            alike = np.bincount(of, minlength=len(self.sources.shares))
            found[images] += probability * self.source_probabilities(int(train_id))[of] / alike[of]
        return found

    def enough(self, label: np.ndarray, *, train_id: int) -> bool:
        """Whether the crop ``label`` shows the class well."""
        return bool(np.count_nonzero(label == train_id) > self.min_crop_pixels)


def pixels_by_share(counts: np.ndarray, sources: Sources) -> np.ndarray:
    """Mean pixels of each class in an image, (classes,), of images that are drawn by the shares of their data sets."""
    images = np.bincount(sources.of, minlength=len(sources.shares))
    return (sources.shares / np.maximum(images, 1))[sources.of] @ counts


@dataclass(frozen=True)
class Shows:
    """Whether a crop shows the class that its image was drawn for; see :class:`Compose` for who asks."""

    sampler: RareClassSampler
    train_id: int

    @property
    def tries(self) -> int:
        return self.sampler.tries

    def __call__(self, label: np.ndarray) -> bool:
        return self.sampler.enough(label, train_id=self.train_id)

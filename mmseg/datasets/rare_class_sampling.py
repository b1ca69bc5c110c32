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
    ) -> None:
        if class_temp <= 0:
            raise InputError(f'rare_class_sampling: class_temp is above 0, not {class_temp}.')
        self.tries = tries
        self.min_crop_pixels = min_pixels * min_crop_ratio
        totals = counts.sum(axis=0)
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

    def draw(self, rng: np.random.Generator) -> Wanted:
        train_id = int(rng.choice(self.train_ids, p=self.probabilities))
        images = self.candidates[train_id]
        return Wanted(train_id, int(images[rng.choice(len(images))]))

    def enough(self, label: np.ndarray, *, train_id: int) -> bool:
        """Whether the crop ``label`` shows the class well."""
        return bool(np.count_nonzero(label == train_id) > self.min_crop_pixels)


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

"""Pixels of rare classes for the UDA step to paste (long-tail class first, DSP, arXiv 2107.09600)."""

import logging
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.pipelines.compact import CONTENT
from mmseg.datasets.rare_class_sampling import Wanted
from mmseg.datasets.stream import TrainingSet
from mmseg.errors import InputError

TAIL_LENGTH = 5
"""How many of the rarest classes are the long tail, if no list is given."""


class LongTailPaste:
    """Draws some classes of the long tail, for each a source image that shows it, and cuts out its pixels.

    The images run through the pipeline of the source, so they come in the size and normalisation of its samples.

    Args:
        counts: pixels of each class in each source image, (images, classes): the index of rare class sampling.
        label_set: the classes.
        classes: names or train ids of the long tail; None takes the five rarest that can be drawn.
        num_classes: how many of them are drawn for a sample, without repetition.
        min_pixels: an image can stand for a class if it has more than this many pixels of it.
        min_crop_ratio: a crop is accepted with more than ``min_pixels * min_crop_ratio`` pixels of the class.

    Attributes:
        candidates: train id -> indices of the images that can stand for it.

    Raises:
        InputError: a class is not known, or no image has enough pixels of any of them.
    """

    def __init__(
        self,
        counts: np.ndarray,
        label_set: LabelSet,
        *,
        classes: Sequence[str | int] | None = None,
        num_classes: int = 2,
        min_pixels: int = 3000,
        min_crop_ratio: float = 0.5,
    ) -> None:
        found = {train_id: np.flatnonzero(counts[:, train_id] > min_pixels) for train_id in range(len(label_set))}
        if classes is None:
            rarest = np.argsort(counts.sum(axis=0), kind='stable')
            tail = [int(train_id) for train_id in rarest if len(found[int(train_id)])][:TAIL_LENGTH]
        else:
            tail = train_ids(classes, label_set)
        if not isinstance(num_classes, int) or not 1 <= num_classes <= max(len(tail), 1):
            raise InputError(f'long_tail_paste: num_classes is {num_classes!r}: it must lie in 1..{len(tail)}.')
        self.candidates = {train_id: found[train_id] for train_id in tail if len(found[train_id])}
        if not self.candidates:
            raise InputError(
                f'long_tail_paste: no image has more than min_pixels={min_pixels} pixels of a class of the long tail; '
                f'the most is {counts[:, tail].max() if tail else counts.max()}. Lower min_pixels.'
            )
        missing = [label_set.classes[train_id] for train_id in tail if train_id not in self.candidates]
        if missing:
            print_log(
                f'Long-tail paste leaves out classes without an image of more than {min_pixels} pixels: '
                f'{", ".join(missing)}.',
                'current',
                level=logging.WARNING,
            )
        self.num_classes = min(num_classes, len(self.candidates))
        self.min_crop_pixels = min_pixels * min_crop_ratio
        self.ignore_index = label_set.ignore_index

    def draw(self, rng: np.random.Generator) -> list[Wanted]:
        """Classes, each with an image that shows it."""
        chosen = rng.choice(list(self.candidates), size=self.num_classes, replace=False)
        return [Wanted(int(train_id), int(rng.choice(self.candidates[int(train_id)]))) for train_id in chosen]

    def sample(self, source: TrainingSet, rng: np.random.Generator) -> dict[str, Tensor | dict]:
        """``paste_img`` (3, H, W), ``paste_img_metas``, and ``paste_label`` (1, H, W): ignored outside.

        Outside, the image holds zeros. Where the pixels of two classes meet, the one drawn later is in front.
        """
        merged: dict[str, Tensor] = {}
        metas: dict = {}
        for wanted in self.draw(rng):
            donor = source.draw(wanted.image, rng, partial(self.enough, train_id=wanted.train_id))
            img, label = donor['img'], donor['gt_semantic_seg']
            if not merged:
                merged = {'paste_img': torch.zeros_like(img), 'paste_label': torch.full_like(label, self.ignore_index)}
                # No class reaches into a border, so what is pasted is content everywhere.
                content = donor['img_metas'].get(CONTENT) and img.shape[1:]
                metas = {**donor['img_metas'], CONTENT: content} if content else donor['img_metas']
            shown = label == wanted.train_id
            merged['paste_img'] = torch.where(shown, img, merged['paste_img'])
            merged['paste_label'] = torch.where(shown, label, merged['paste_label'])
        return {**merged, 'paste_img_metas': metas}

    def enough(self, label: np.ndarray, *, train_id: int) -> bool:
        """Whether the crop ``label`` shows the class well."""
        return bool(np.count_nonzero(label == train_id) > self.min_crop_pixels)


def train_ids(classes: Sequence[str | int], label_set: LabelSet) -> list[int]:
    """Train ids of classes given by name or train id.

    Raises:
        InputError: there are none, one comes twice, or is not in the label set.
    """
    if isinstance(classes, str) or not classes:
        raise InputError(f'long_tail_paste: classes is {classes!r}: give a list of class names, or leave it out.')
    ids = [label_set.index(entry) if isinstance(entry, str) else entry for entry in classes]
    for train_id in ids:
        if train_id not in range(len(label_set)):
            raise InputError(f'long_tail_paste: there is no class {train_id!r}; train ids are 0..{len(label_set) - 1}.')
    if len(set(ids)) < len(ids):
        raise InputError(f'long_tail_paste: a class stands twice in {list(classes)}.')
    return ids

"""Do the values in the label maps make sense for the classes? What is valid, and yet cannot be meant."""

import logging
from pathlib import Path
from typing import Protocol

import numpy as np
from mmengine.logging import print_log

from mmseg.datasets.check import spread
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.labels import LabelReader, read_ids
from mmseg.errors import InputError

FEW_LABELS = 32
"""So many label maps are looked at in any case; the rest only when these are suspicious."""


class Labelled(Protocol):
    """What is asked of a data set."""

    label_set: LabelSet
    reader: LabelReader

    def __len__(self) -> int: ...
    def label_of(self, index: int) -> np.ndarray: ...
    def label_path(self, index: int) -> Path: ...


def refuse_masks_of_255(dataset: Labelled) -> None:
    """Refuse masks of 0 and 255 that are read as one class and ignored pixels.

    Called where nothing in the config says what 255 means. One pixel of id 1, in any label map, says that 255 does mean
    ignore; usually it is in the first ones.

    Raises:
        InputError: there are two classes, no label map has an id 1, and some have 255.
    """
    reader = dataset.reader
    if len(dataset.label_set) != 2 or reader.reduce_zero_label:
        return
    first = spread(len(dataset), FEW_LABELS)
    masks = None
    for index in (*first, *sorted(set(range(len(dataset))) - set(first))):
        if masks is None and index not in first:
            return
        label = dataset.label_of(index)
        if (label == 1).any():
            return
        if (
            masks is None
            and (label == reader.ignore_index).any()
            and (read_ids(dataset.label_path(index)) == 255).any()
        ):
            masks = dataset.label_path(index)
    if masks is not None:
        zero, one = dataset.label_set.classes
        raise InputError(
            f'All {len(dataset)} label maps, such as {str(masks)!r}, hold the values 0 and 255 alone, and 255 means '
            f'ignored: the class {one!r} would have no pixel. If 255 is {one!r}, give the data sets (train, val, test) '
            f'label_map={{0: {zero!r}, 255: {one!r}}}; if it does mean ignored, ignore_index=255.'
        )


def pixels_by_class(counts: np.ndarray, labels: LabelSet) -> str:
    """One line: pixels of each class (files, classes) in percent of the labelled ones, and the number of its images."""
    totals, images = counts.sum(0), (counts > 0).sum(0)
    shares = 100 * totals / max(totals.sum(), 1)
    listed = ', '.join(
        f'{name} {share:.2g}% in {count}' for name, share, count in zip(labels.classes, shares, images, strict=True)
    )
    return f'Labelled pixels by class, and images that show it, of {len(counts)}: {listed}.'


def warn_of_absent_classes(counts: np.ndarray, labels: LabelSet, reader: LabelReader | None) -> None:
    """Name the classes that no label map shows; ``reader`` says how they were read, where it is one for all."""
    absent = [name for name, total in zip(labels.classes, counts.sum(0), strict=True) if total == 0]
    if not absent:
        return
    shown = np.flatnonzero(counts.sum(0))
    told = f'No label map of the training data shows the class(es) {", ".join(absent)}: they cannot be learnt.'
    plain = reader is not None and reader.label_map is None and not reader.reduce_zero_label
    if plain and len(shown) and labels.classes[0] in absent:
        told += (
            f' The ids in the files begin at {shown[0]}: if id 1 is meant to be {labels.classes[0]!r}, give the data '
            'sets reduce_zero_label=True.'
        )
    print_log(told, 'current', level=logging.WARNING)

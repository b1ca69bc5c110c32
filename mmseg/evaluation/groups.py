"""Metrics of parts of a data set that it names itself: the weather of an image."""

from typing import Any

import numpy as np
import torch

from mmseg.datasets.pipelines.fields import tensor_of
from mmseg.evaluation.metrics import ConfusionMatrix, Metrics


class Groups:
    """Counts predictions by the group of their image, beside the evaluation of all.

    Args:
        dataset: gives ``group_of(index)``, '' for an image of no group, and ``label_of(index)``.

    Attributes:
        names: of the groups, in the order of the alphabet; none for a data set without.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        find = getattr(dataset, 'group_of', lambda index: '')
        self.of = [find(index) for index in range(len(dataset))]
        self.names = sorted(set(self.of) - {''})
        classes = len(dataset.label_set.classes)
        self.counts = {name: ConfusionMatrix(classes, dataset.ignore_index) for name in self.names}

    def add(self, label_map: np.ndarray, index: int) -> None:
        """Count the prediction of an image."""
        name = self.of[index]
        if name:
            label = tensor_of(self.dataset.label_of(index))
            self.counts[name].update(torch.from_numpy(label_map.astype(np.int64)), label)

    def metrics(self) -> dict[str, Metrics]:
        """Of each group, over all processes of a distributed run."""
        for counts in self.counts.values():
            counts.reduce()
        return {name: counts.metrics() for name, counts in self.counts.items()}

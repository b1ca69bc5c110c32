"""Segmentation metrics from one confusion matrix.

The matrix is all that an evaluation keeps: it is counted image by image, on the device of the predictions,
and every number (IoU, accuracy, Dice, F-score, precision, recall) follows from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from mmseg.datasets.label_sets import LabelSet
from mmseg.errors import InputError, nearest

COLUMNS = {'mIoU': ('IoU', 'Acc'), 'mDice': ('Dice', 'Acc'), 'mFscore': ('Fscore', 'Precision', 'Recall')}
"""Metrics as configs and commands name them -> what is given for each class."""


def columns_of(metrics: str | Sequence[str]) -> list[str]:
    """The columns of ``metrics``, each once.

    Raises:
        InputError: one of them is not known.
    """
    named = [metrics] if isinstance(metrics, str) else list(metrics)
    for name in named:
        if name not in COLUMNS:
            raise InputError(
                f'evaluation.metric: {name!r} is not known.{nearest(name, COLUMNS)} Known: {", ".join(COLUMNS)}.'
            )
    return list(dict.fromkeys(column for name in named for column in COLUMNS[name]))


class ConfusionMatrix:
    """Pixels counted by (label, prediction), int64, on ``device``.

    Besides the classes there is a column for predictions that are none of them (a network with more outputs
    than the data set has classes): such a prediction is wrong for its label, but belongs to no class.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255, device: torch.device | str = 'cpu') -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.matrix = torch.zeros((num_classes, num_classes + 1), dtype=torch.int64, device=device)
        """Counts (classes, classes + 1): rows are labels, columns predictions, the last one 'no class'."""
        self._checks_at_once = torch.device(device).type == 'cpu'
        self._shown = max(num_classes, 256)
        self._ignored = min(ignore_index, self._shown)
        self._rows = max(self._shown, self._ignored + 1) + 1
        allowed = [row < num_classes or row == self._ignored for row in range(self._rows)]
        self._allowed = torch.tensor(allowed, device=device)
        self._foreign = torch.zeros(self._rows, dtype=torch.int64, device=device)
        """Pixels by label that is no class; the last number counts all labels that are beyond those with a row."""

    def update(self, pred: Tensor, label: Tensor) -> None:
        """Add the pixels of label maps of equal shape: class ids from 0, or ``ignore_index`` in the label.

        On a CPU labels are checked at once; elsewhere that would wait for the device, and :meth:`check` does it.

        Raises:
            InputError: a label that is neither a class nor ``ignore_index``, or shapes that differ.
        """
        if pred.shape != label.shape:
            raise InputError(f'Prediction {tuple(pred.shape)} and label {tuple(label.shape)} differ in size.')
        columns = self.num_classes + 1
        # One count over all label values, classes or not, is cheaper than masking out what is no class.
        last = self._rows - 1
        known = label.to(self.matrix.device, torch.int32)
        if label.dtype != torch.uint8:  # else none is beyond
            ignored = known == self.ignore_index
            known = torch.where((known < 0) | (known >= self._shown), last, known)
            known = torch.where(ignored, self._ignored, known)
        pairs = known * columns + pred.to(self.matrix.device, torch.int32).clamp(max=self.num_classes)
        counts = count_values(pairs.flatten(), self._rows * columns).view(-1, columns)
        self.matrix += counts[: self.num_classes]
        self._foreign += counts.sum(1).masked_fill_(self._allowed, 0)
        if self._checks_at_once:
            self.check()

    def check(self) -> None:
        """Refuse what was counted, if labels in it are no class.

        Raises:
            InputError: with the labels.
        """
        found = self._foreign.cpu().nonzero().flatten().tolist()
        if found:
            names = [f'beyond {self._shown - 1}' if value == self._rows - 1 else str(value) for value in found]
            raise InputError(
                f'Label values [{", ".join(names)}] are outside the {self.num_classes} classes '
                f'(0..{self.num_classes - 1}, {self.ignore_index} is ignored).'
            )

    def reduce(self) -> None:
        """Sum over the processes of a distributed run; nothing to do in a single process."""
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(self.matrix)

    def metrics(self) -> 'Metrics':
        return Metrics.from_matrix(self.matrix)


def count_values(values: Tensor, length: int) -> Tensor:
    """How often each of 0..length-1 occurs, (length,) int64, in whole numbers (N,) below ``length``."""
    if values.device.type == 'cpu':
        return torch.bincount(values, minlength=length)
    return counts_on_device(values, length)


def counts_on_device(values: Tensor, length: int) -> Tensor:
    """The same without waiting for a device, as bincount does to learn the largest number."""
    counts = torch.zeros(length, dtype=torch.int32, device=values.device)
    counts.scatter_add_(0, values.long(), torch.ones_like(values, dtype=torch.int32))
    return counts.long()


@dataclass(frozen=True)
class Metrics:
    """What a confusion matrix says, as fractions in 0..1, float64.

    A value is NaN where its denominator is 0: the IoU of a class absent from labels and predictions, the
    accuracy (recall) of a class without label, the precision of a class never predicted, and the F-score
    unless precision and recall exist and one is above 0. NaN is left out of the means.
    """

    aAcc: float  # noqa: N815 (named as in the logs) share of labelled pixels that are right
    iou: np.ndarray
    acc: np.ndarray
    dice: np.ndarray
    fscore: np.ndarray
    precision: np.ndarray

    @classmethod
    def from_matrix(cls, matrix: Tensor | np.ndarray) -> 'Metrics':
        """Metrics of counts (classes, >= classes): rows are labels, further columns predict no class."""
        counts = matrix.cpu().numpy() if isinstance(matrix, Tensor) else np.asarray(matrix)
        classes = len(counts)
        hits = np.diagonal(counts).astype(np.float64)
        labelled = counts.sum(1).astype(np.float64)
        predicted = counts[:, :classes].sum(0).astype(np.float64)
        with np.errstate(divide='ignore', invalid='ignore'):
            recall, precision = hits / labelled, hits / predicted
            return cls(
                aAcc=float(hits.sum() / labelled.sum()),
                iou=hits / (labelled + predicted - hits),
                acc=recall,
                dice=2 * hits / (labelled + predicted),
                fscore=2 * precision * recall / (precision + recall),
                precision=precision,
            )

    @property
    def recall(self) -> np.ndarray:
        """The same as ``acc``."""
        return self.acc

    @property
    def mIoU(self) -> float:  # noqa: N802 (named as in the logs)
        return nanmean(self.iou)

    @property
    def mAcc(self) -> float:  # noqa: N802 (named as in the logs)
        return nanmean(self.acc)

    def subset_miou(self, class_ids: list[int]) -> float:
        """Mean IoU over some classes, as for a source that lacks the others (SYNTHIA: 16 or 13 of 19)."""
        return nanmean(self.iou[class_ids])

    def summary(self, label_set: LabelSet, source: str | None = None, columns: Sequence[str] = ()) -> dict[str, float]:
        """Percent with two decimals, by the names of the logs: aAcc, mIoU, mAcc, IoU.<class>, Acc.<class>.

        ``columns`` of :data:`COLUMNS` that are no IoU or Acc are there too: mDice, Dice.<class>, ...

        ``source`` is the type of the source data set; where it lacks classes of ``label_set`` the means
        over what it has (mIoU16, mIoU13) are there too. Undefined values are NaN.
        """
        means = {'aAcc': self.aAcc, 'mIoU': self.mIoU, 'mAcc': self.mAcc}
        means |= {
            name: self.subset_miou([label_set.classes.index(c) for c in classes])
            for name, classes in reported_subsets(label_set, source).items()
        }
        per_class = {f'IoU.{name}': value for name, value in zip(label_set.classes, self.iou, strict=True)}
        per_class |= {f'Acc.{name}': value for name, value in zip(label_set.classes, self.acc, strict=True)}
        for column in [column for column in columns if column not in COLUMNS['mIoU']]:
            values = getattr(self, column.lower())
            per_class |= {f'm{column}': nanmean(values)}
            per_class |= {f'{column}.{name}': value for name, value in zip(label_set.classes, values, strict=True)}
        return {name: percent(value) for name, value in (means | per_class).items()}


def reported_subsets(label_set: LabelSet, source: str | None) -> Mapping[str, tuple[str, ...]]:
    """The class subsets of ``label_set`` that a run from ``source`` reports besides all classes.

    Only Synthia lacks classes of the evaluation; its 16- and 13-class means are the usual ones. Several sources are
    joined by ``+``: together they lack a class only if all do.
    """
    return label_set.subsets if source and all('synthia' in one for one in source.lower().split('+')) else {}


def over_sets(summaries: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Summaries of several sets as one: means over the sets (what is NaN left out), then each as ``NAME/metric``.

    A single set, whose name is '', has its own values.
    """
    if list(summaries) == ['']:
        return dict(summaries[''])
    first = next(iter(summaries.values()))
    means = {key: round(nanmean(np.array([one[key] for one in summaries.values()])), 2) for key in first}
    return means | {f'{name}/{key}': value for name, one in summaries.items() for key, value in one.items()}


def percent(value: float) -> float:
    """A fraction as percent with two decimals, as logs and tables show it."""
    return round(float(value) * 100, 2)


def nanmean(values: np.ndarray) -> float:
    """Mean of the defined values; NaN, without a warning, when there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float('nan')

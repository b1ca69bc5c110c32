"""Tables for the terminal."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mmseg.datasets.label_sets import LabelSet
from mmseg.evaluation.metrics import Metrics, nanmean, percent


def class_table(
    rows: Mapping[str, Metrics],
    label_set: LabelSet,
    subsets: Mapping[str, Iterable[str]] | None = None,
    columns: Sequence[str] = ('IoU', 'Acc'),
    *,
    mean: bool = False,
) -> str:
    """Results in percent: a line per class, then the means.

    One entry of ``rows`` gives ``columns`` (IoU, Acc, Dice, Fscore, Precision, Recall); several (runs to
    compare, or sets) give a column of IoU each, and with ``mean`` one of the means over them. ``subsets``: further mean
    IoUs and the classes each is over. '-' is undefined: no pixel to judge by.
    """
    runs = list(rows.values())
    if len(runs) > 1:
        header, columns = ['class', *rows, *(['mean'] if mean else [])], ('IoU', 'Acc')
        values = [run.iou for run in runs]
    else:
        header = ['class', *columns]
        values = [getattr(runs[0], column.lower()) for column in columns]
    classes = [_cells(name, [column[i] for column in values], mean) for i, name in enumerate(label_set.classes)]
    means = []
    for column in columns:
        title = f'mIoU ({len(label_set.classes)} classes)' if column == 'IoU' else f'm{column}'
        means.append(_cells(title, [nanmean(getattr(run, column.lower())) for run in runs], mean))
        for names in (subsets or {}).values() if column == 'IoU' else ():
            ids = [label_set.classes.index(name) for name in names]
            means.append(_cells(f'mIoU ({len(ids)} classes)', [run.subset_miou(ids) for run in runs], mean))
    means.append(_cells('aAcc', [run.aAcc for run in runs], mean))
    return table([header], classes, means)


def _cells(title: str, values: Sequence[float], mean: bool) -> list[str]:
    """A line; ``mean`` adds that of the values."""
    return [title, *map(show, [*values, nanmean(np.array(values))] if mean else values)]


def table(*blocks: Sequence[Sequence[str]]) -> str:
    """Rows in aligned columns, the first to the left and the others to the right; a rule between blocks."""
    rows = [row for block in blocks for row in block]
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    rule = '-+-'.join('-' * width for width in widths)
    return f'\n{rule}\n'.join('\n'.join(_line(row, widths) for row in block) for block in blocks)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=False))
    return ' | '.join([row[0].ljust(widths[0]), *others])


def show(value: float) -> str:
    """A fraction as percent with two decimals, '-' if it is NaN."""
    return '-' if math.isnan(value) else f'{percent(value):.2f}'

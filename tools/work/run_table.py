"""A table of runs as a picture: the IoU of every class over seeds."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmseg.errors import InputError
from mmseg.report import logs
from mmseg.report.curves import COLOURS
from mmseg.report.figures import new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLASS = 'IoU.'
EMPTY = 0.05  # percent: a class below in every run is named, and has no bars
BARS = 0.8  # share of a class's place that its bars take
BARS_IN_A_LINE = 75  # more are hairlines at the width of a page
LINE_HEIGHT = 3.4  # inches
WIDEST_LEGEND = 9.5  # inches: two columns of the longest names of configs here


def draw(rows: Sequence[Mapping], path: Path, titles: Mapping[str, str] | None = None) -> None:
    """Bars of the IoU of every class, mean over seeds with their standard deviation, one colour a config.

    Classes that no run finds stand in one line below; many classes of many configs take several lines of bars.

    Args:
        rows: the runs, with metrics as shares of 1 and classes as ``IoU.NAME``.
        path: the picture.
        titles: what configs are called in the picture; their own name if they have none.

    Raises:
        InputError: there are no runs.
    """
    if not rows:
        raise InputError('There are no runs to draw yet.')
    runs: dict[str, list[Mapping]] = {}
    for row in rows:
        runs.setdefault(row['config'], []).append(row)
    names, empty = shown_and_empty(rows)
    lines = lines_of(names, len(runs))
    figure = new_figure(max(2 + 0.8 * len(lines[0]), WIDEST_LEGEND), 0.8 + LINE_HEIGHT * len(lines))
    charts = figure.subplots(len(lines), squeeze=False)[:, 0]
    for axes, line in zip(charts, lines, strict=True):
        _bars(axes, runs, line, titles or {}, places=len(lines[0]))
    if empty:
        charts[-1].set_xlabel(f'0 in all runs: {", ".join(empty)}', loc='left')
    figure.legend(*charts[0].get_legend_handles_labels(), fontsize=10, frameon=False, loc='outside upper left', ncols=2)
    figure.set_layout_engine('constrained')
    save(figure, path)


def _bars(
    axes: 'Axes', runs: Mapping[str, list[Mapping]], names: Sequence[str], titles: Mapping[str, str], *, places: int
) -> None:
    """The bars of some classes, in a chart that has room for as many as ``places``."""
    width = BARS / len(runs)
    for i, (config, seeds) in enumerate(runs.items()):
        scores = [[percent(run, name) for run in seeds] for name in names]
        axes.bar(
            [x + i * width for x in range(len(names))],
            [statistics.mean(values) for values in scores],
            width,
            yerr=[statistics.stdev(values) for values in scores] if len(seeds) > 1 else None,
            error_kw={'elinewidth': 0.8, 'ecolor': '0.3'},
            label=f'{titles.get(config, config)} ({len(seeds)} seed{"s" if len(seeds) > 1 else ""})',
            color=COLOURS[i % len(COLOURS)],
        )
    ticks = [x + BARS / 2 - width / 2 for x in range(len(names))]
    axes.set_xticks(ticks, [name.removeprefix(CLASS) for name in names], rotation=30, ha='right', fontsize=11)
    axes.set(ylabel='IoU (%), ± standard deviation', ylim=(0, None), xlim=(-width, places - 1 + BARS))
    axes.spines[['top', 'right']].set_visible(False)


def lines_of(names: Sequence[str], configs: int) -> list[Sequence[str]]:
    """The classes in as many equal lines as keep their bars wide enough to be seen."""
    lines = math.ceil(len(names) * configs / BARS_IN_A_LINE)
    length = math.ceil(len(names) / lines)
    return [names[start : start + length] for start in range(0, len(names), length)]


def shown_and_empty(rows: Sequence[Mapping]) -> tuple[list[str], list[str]]:
    """Keys of mIoU and of the classes that some run finds, and names of the classes that none does."""
    classes = [key for key in rows[0] if key.startswith(CLASS)]
    empty = [key for key in classes if all(percent(row, key) < EMPTY for row in rows)]
    return ['mIoU', *(key for key in classes if key not in empty)], [key.removeprefix(CLASS) for key in empty]


def percent(row: Mapping, key: str) -> float:
    """An IoU in percent; 0 where a run does not have it."""
    return logs.percent(row.get(key) or 0.0)

"""A table of runs as a picture: the IoU of every class over seeds."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmseg.errors import InputError
from mmseg.report.curves import COLOURS
from mmseg.report.figures import new_figure, save

CLASS = 'IoU.'
EMPTY = 0.05  # percent: a class below in every run is named, and has no bars
BARS = 0.8  # share of a class's place that its bars take
WIDEST_LEGEND = 9.5  # inches: two columns of the longest names of configs here


def draw(rows: Sequence[Mapping], path: Path) -> None:
    """Bars of the IoU of every class, mean over seeds with their standard deviation, one colour a config.

    Classes that no run finds stand in one line below.

    Raises:
        InputError: there are no runs.
    """
    if not rows:
        raise InputError('There are no runs to draw yet.')
    configs = list(dict.fromkeys(row['config'] for row in rows))
    names, empty = shown_and_empty(rows)
    figure = new_figure(max(2 + 0.8 * len(names), WIDEST_LEGEND), 4.2)
    axes = figure.add_subplot()
    width = BARS / len(configs)
    for i, config in enumerate(configs):
        runs = [row for row in rows if row['config'] == config]
        scores = [[percent(run, name) for run in runs] for name in names]
        spread = [statistics.stdev(values) for values in scores] if len(runs) > 1 else None
        axes.bar(
            [x + i * width for x in range(len(names))],
            [statistics.mean(values) for values in scores],
            width,
            yerr=spread,
            error_kw={'elinewidth': 0.8, 'ecolor': '0.3'},
            label=f'{config} ({len(runs)} seed{"s" if len(runs) > 1 else ""})',
            color=COLOURS[i % len(COLOURS)],
        )
    places = [x + BARS / 2 - width / 2 for x in range(len(names))]
    axes.set_xticks(places, [name.removeprefix(CLASS) for name in names], rotation=30, ha='right', fontsize=11)
    axes.set(ylabel='IoU (%), mean ± deviation', ylim=(0, None))
    if empty:
        axes.set_xlabel(f'0 in all runs: {", ".join(empty)}', loc='left')
    figure.legend(fontsize=10, frameon=False, loc='outside upper left', ncols=2)
    axes.spines[['top', 'right']].set_visible(False)
    figure.set_layout_engine('constrained')
    save(figure, path)


def shown_and_empty(rows: Sequence[Mapping]) -> tuple[list[str], list[str]]:
    """Keys of mIoU and of the classes that some run finds, and names of the classes that none does."""
    classes = [key for key in rows[0] if key.startswith(CLASS)]
    empty = [key for key in classes if all(percent(row, key) < EMPTY for row in rows)]
    return ['mIoU', *(key for key in classes if key not in empty)], [key.removeprefix(CLASS) for key in empty]


def percent(row: Mapping, key: str) -> float:
    """An IoU in percent; 0 where a run does not have it."""
    return 100 * (row.get(key) or 0.0)

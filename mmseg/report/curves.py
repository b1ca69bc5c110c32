"""Curves of logs as a picture: losses, learning rate, mIoU over iterations, with the spread over seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from mmseg.report.figures import new_figure, save
from mmseg.report.logs import Log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_INCHES = (7.0, 2.6)
LEGEND_COLUMNS = 2
#: those of the page of reports (page/common.js)
COLOURS = (
    *('#2a78d6', '#e8772e', '#1f9d7a', '#b04fc4', '#c9a227'),
    *('#d6456b', '#5b6be0', '#6b8e23', '#0aa2c0', '#a0623a'),
)
LEAST_PERCENT = 10  # so much an axis shows at least: a class at 0 lies on its ground
BAND_OPACITY = 0.18
STYLES = ('-', '--', ':')


class Curve(NamedTuple):
    """One key of a setting over iterations: the mean of its seeds, their lowest and their highest value."""

    iterations: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    seeds: int


def curve_over_seeds(logs: Sequence[Log], key: str) -> Curve:
    """The curve of ``key`` at the iterations that all of ``logs`` that have it have in common."""
    curves = [dict(zip(*log.curve(key), strict=True)) for log in logs]
    curves = [curve for curve in curves if curve]
    common = sorted(set.intersection(*map(set, curves))) if curves else []
    values = [[curve[at] for curve in curves] for at in common]
    return Curve(common, [fmean(each) for each in values], list(map(min, values)), list(map(max, values)), len(curves))


def draw_curves(settings: Mapping[str, Sequence[Log]], keys: Sequence[str], path: Path) -> Path:
    """One panel per key, one line per setting; metrics of the evaluation in percent. Returns ``path``.

    Of several logs, the seeds of a setting, the line is the mean, and a band spans the lowest to the highest.
    """
    width, height = PANEL_INCHES
    legend_height = 0.2 * -(-len(settings) // LEGEND_COLUMNS)
    figure = new_figure(width, height * len(keys) + 0.3 + legend_height)
    figure.set_layout_engine('constrained')
    panels = figure.subplots(len(keys), 1, sharex=True, squeeze=False)[:, 0]
    for axes, key in zip(panels, keys, strict=True):
        for number, (name, logs) in enumerate(settings.items()):
            _draw_line(axes, curve_over_seeds(logs, key), _labelled(name, len(logs)), number)
        _dress(
            axes,
            key,
            percent=any(key in record for logs in settings.values() for log in logs for record in log.val.values()),
        )
    panels[-1].set_xlabel('iteration')
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc='outside lower center', fontsize=10, frameon=False, ncols=LEGEND_COLUMNS)
    return save(figure, path)


def _labelled(name: str, seeds: int) -> str:
    return name if seeds == 1 else f'{name} (mean of {seeds}; band: lowest to highest)'


def _draw_line(axes: 'Axes', curve: Curve, label: str, number: int) -> None:
    colour = COLOURS[number % len(COLOURS)]
    axes.plot(
        curve.iterations,
        curve.mean,
        STYLES[number // len(COLOURS) % len(STYLES)],
        label=label,
        color=colour,
        linewidth=1.6,
        alpha=0.85,
        marker='o' if len(curve.mean) < 10 else '',
        markersize=3,
    )
    if curve.seeds > 1:
        axes.fill_between(curve.iterations, curve.low, curve.high, color=colour, alpha=BAND_OPACITY, linewidth=0)
        if len(curve.mean) == 1:  # a band without width
            axes.vlines(curve.iterations, curve.low, curve.high, color=colour, alpha=0.5)


def _dress(axes: 'Axes', key: str, *, percent: bool) -> None:
    axes.set_ylabel(f'{key} (%)' if percent else key, fontsize=11)
    if percent:
        axes.set_ylim(0, max(LEAST_PERCENT, axes.get_ylim()[1]))
    axes.grid(alpha=0.25)
    axes.spines[['top', 'right']].set_visible(False)

"""Curves of a run's log as a picture: losses, learning rate, mIoU over iterations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmseg.report.figures import new_figure, save
from mmseg.report.logs import Log

PANEL_INCHES = (7.0, 2.6)
LEGEND_COLUMNS = 2
#: those of the page of reports (page/common.js)
COLOURS = (
    *('#2a78d6', '#e8772e', '#1f9d7a', '#b04fc4', '#c9a227'),
    *('#d6456b', '#5b6be0', '#6b8e23', '#0aa2c0', '#a0623a'),
)
LEAST_PERCENT = 10  # so much an axis shows at least: a class at 0 lies on its ground
STYLES = ('-', '--', ':')


def draw_curves(logs: Mapping[str, Log], keys: Sequence[str], path: Path) -> Path:
    """One panel per key, one line per log; metrics of the evaluation in percent. Returns ``path``."""
    width, height = PANEL_INCHES
    legend_height = 0.2 * -(-len(logs) // LEGEND_COLUMNS)
    figure = new_figure(width, height * len(keys) + 0.3 + legend_height)
    figure.set_layout_engine('constrained')
    panels = figure.subplots(len(keys), 1, sharex=True, squeeze=False)[:, 0]
    for axes, key in zip(panels, keys, strict=True):
        for number, (name, log) in enumerate(logs.items()):
            iterations, values = log.curve(key)
            marker = 'o' if len(values) < 10 else ''
            style = STYLES[number // len(COLOURS) % len(STYLES)]
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(
                iterations,
                values,
                style,
                label=name,
                color=colour,
                linewidth=1.6,
                alpha=0.85,
                marker=marker,
                markersize=3,
            )
        percent = any(key in record for log in logs.values() for record in log.val.values())
        axes.set_ylabel(f'{key} (%)' if percent else key, fontsize=11)
        if percent:
            axes.set_ylim(0, max(LEAST_PERCENT, axes.get_ylim()[1]))
        axes.grid(alpha=0.25)
        axes.spines[['top', 'right']].set_visible(False)
    panels[-1].set_xlabel('iteration')
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc='outside lower center', fontsize=10, frameon=False, ncols=LEGEND_COLUMNS)
    return save(figure, path)

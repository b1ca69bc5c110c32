"""The table of results in the forms that papers and spreadsheets take."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmseg.report.runs import CLASS, Experiment

NONE = '-'
LATEX = {letter: rf'\{letter}' for letter in '_&%#${}'} | {
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '→': r'$\to$',
    '\n': ' ',
}
FORMULA = ('=', '+', '-', '@', '\t', '\r')


@dataclass(frozen=True)
class Results:
    """A table as text: ``header`` and ``rows``, the first column naming the experiment; numbers in percent."""

    header: list[str]
    rows: list[list[str]]


def metrics_of(experiments: Sequence[Experiment]) -> list[str]:
    """The mean metrics to show: mIoU, those over Synthia's classes where it is a source, and mIoU of each named set."""
    subsets = ['mIoU16', 'mIoU13'] if any(one.facts.source == 'Synthia' for one in experiments) else []
    measured = [name for one in experiments for run in one.runs for name in run.metrics if name.endswith('/mIoU')]
    return ['mIoU', *subsets, *dict.fromkeys(measured)]


def classes_of(experiments: Sequence[Experiment]) -> list[str]:
    """The classes that any run was evaluated on, in the order of the logs."""
    return list(dict.fromkeys(name for one in experiments for run in one.runs for name in run.classes))


def results(experiments: Sequence[Experiment], *, spread: Callable[[float, float | None], str]) -> Results:
    """A row per experiment: seeds, means ± deviations, percent of the oracle, the published number, every class.

    ``spread`` writes a mean and a standard deviation (None for one seed).
    """
    means, classes = metrics_of(experiments), classes_of(experiments)
    header = ['experiment', 'setting', 'tested', 'seeds', *means, 'relative', 'published', *classes]
    rows = []
    for one in experiments:
        cells = [one.label, one.facts.setting, tested(one), str(len(one.counted))]
        for metric in means:
            found = one.spread(metric)
            cells.append(spread(found.mean, found.std) if found else NONE)
        relative = one.relative(one.headline)
        cells.append(NONE if relative is None else f'{relative:.1f}')
        cells.append(published_text(one))
        for title in classes:
            found = one.spread(CLASS + title)
            cells.append(f'{found.mean:.1f}' if found else NONE)
        rows.append(cells)
    return Results(header, rows)


def tested(experiment: Experiment) -> str:
    """On what, at which size and in which state its runs were evaluated: numbers without that say little."""
    states = dict.fromkeys(run.state for run in experiment.counted)
    return f'{experiment.facts.tested}; {", ".join(states)}'


def published_text(experiment: Experiment) -> str:
    """The published value of the headline metric, with the split where it is not the validation set."""
    row = experiment.published
    if row is None or experiment.headline not in row.values:
        return NONE
    return f'{row.values[experiment.headline]:.1f}' + ('' if row.split == 'val' else f' ({row.split})')


def as_markdown(experiments: Sequence[Experiment]) -> str:
    """A table for README files and wikis."""
    table = results(experiments, spread=_with('±'))
    header, *rows = [[_of_markdown(cell) for cell in cells] for cells in (table.header, *table.rows)]
    aligned = ['---', '---', '---', *['---:'] * (len(header) - 3)]
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in (header, aligned, *rows)) + '\n'


def as_latex(experiments: Sequence[Experiment]) -> str:
    """A ``tabular`` with the rules of the booktabs package."""
    table = results(experiments, spread=_with(r'$\pm$'))
    body = [' & '.join(map(_escaped, cells)) + r' \\' for cells in (table.header, *table.rows)]
    lines = [r'\begin{tabular}{lll' + 'r' * (len(table.header) - 3) + '}', r'\toprule', body[0], r'\midrule', *body[1:]]
    return '\n'.join([*lines, r'\bottomrule', r'\end{tabular}']) + '\n'


def as_csv(experiments: Sequence[Experiment]) -> str:
    """A line per run, with its own values: what a spreadsheet or a script goes on from."""
    metrics = [*metrics_of(experiments), 'aAcc', 'mAcc', *(CLASS + title for title in classes_of(experiments))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['experiment', 'setting', 'tested', 'run', 'seed', 'iteration', 'finished', *map(_of_csv, metrics)])
    for one in experiments:
        for run in one.runs:
            values = [run.metrics.get(metric, '') for metric in metrics]
            texts = map(_of_csv, (one.label, one.facts.setting, one.facts.tested, run.name))
            writer.writerow([*texts, run.seed, run.iteration, run.finished, *values])
    return text.getvalue()


FORMATS: dict[str, Callable[[Sequence[Experiment]], str]] = {
    'csv': as_csv,
    'latex': as_latex,
    'markdown': as_markdown,
}


def _with(sign: str) -> Callable[[float, float | None], str]:
    return lambda mean, std: f'{mean:.1f}' if std is None else f'{mean:.1f} {sign}{std:.1f}'


def _escaped(text: str) -> str:
    """Text for LaTeX, of which no command is left; the sign between mean and deviation stays."""
    return r'$\pm$'.join(''.join(LATEX.get(letter, letter) for letter in part) for part in text.split(r'$\pm$'))


def _of_markdown(text: str) -> str:
    """Text for a cell: on one line, without a bar that ends it or an angle that begins HTML."""
    return ' '.join(text.split()).replace('|', r'\|').replace('<', '&lt;')


def _of_csv(text: str) -> str:
    """Text for a cell, which a spreadsheet takes for a formula where it begins like one."""
    return f"'{text}" if text[:1] in FORMULA else text

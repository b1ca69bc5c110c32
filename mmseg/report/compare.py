"""What the configs and the environments of runs do not share."""

from collections.abc import Sequence
from typing import Any

from mmseg.report.runs import Experiment, Run, differing
from mmseg.report.table import table

# Different in every run, and listed with the runs.
OWN = {'command', 'seed'}
LONGEST = 60  # characters of a value on the terminal


def config_rows(experiments: Sequence[Experiment]) -> list[tuple[str, list[str]]]:
    """Dotted key and the value in each experiment ('-' where absent), for every key that is not the same in all."""
    rows = differing([one.runs[0].config for one in experiments])
    return [(key, [_text(value) for value in values]) for key, values in rows.items()]


def environment_rows(runs: Sequence[Run]) -> dict[str, list[tuple[str, list[str]]]]:
    """For every property of the environment its values, each with the names of the runs that have it."""
    rows: dict[str, list[tuple[str, list[str]]]] = {}
    for name in dict.fromkeys(name for run in runs for name in run.environment if name not in OWN):
        values: dict[str, list[str]] = {}
        for run in runs:
            values.setdefault(run.environment.get(name, '-'), []).append(run.name)
        rows[name] = list(values.items())
    return rows


def as_text(experiments: Sequence[Experiment]) -> str:
    """Both for the terminal: a column per experiment, then each value of the environment with its runs."""
    rows = [[key, *map(_short, values)] for key, values in config_rows(experiments)]
    parts = [table([['config', *(one.label for one in experiments)]], rows) if rows else 'The configs do not differ.']
    found = environment_rows([run for one in experiments for run in one.runs])
    lines = [
        f'{name}: {value} ({", ".join(runs)})'
        for name, values in found.items()
        for value, runs in values
        if len(values) > 1
    ]
    parts.append('\n'.join(lines) or 'The environments do not differ.')
    return '\n\n'.join(parts) + '\n'


def _text(value: Any) -> str:
    return '-' if value is None else str(value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'

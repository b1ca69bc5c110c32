"""Tables of experiments by ID: each is a list of rows, each row one run; they are files of ``mmseg/config/grids/``.

1 to 8 and 100 are the tables of the DAFormer paper (arXiv 2111.14887), 40 to 49 those of HRDA (arXiv 2204.13132), 80 to
85 those of MIC (arXiv 2212.01322); the others train the configs that come with the code.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mmseg.config.experiment import NOT_PUBLISHED, Run
from mmseg.config.grids import tables
from mmseg.errors import InputError, nearest

TABLES = tables()


def rows_of(exp: str | int, *, seeds: Sequence[int] | None = None, only: str | None = None) -> list[Run]:
    """The rows of the table ``exp``, in its order.

    Args:
        exp: ID of the table.
        seeds: every run with these instead of the seeds of the table.
        only: regular expression; rows in whose name it is found.

    Raises:
        InputError: there is no such table, ``only`` is no regular expression or leaves nothing.
    """
    exp = str(exp)
    if exp not in TABLES:
        raise InputError(f'There is no experiment {exp!r}.{nearest(exp, TABLES)} Known: {", ".join(TABLES)}.')
    rows = list(TABLES[exp](exp))
    if seeds is not None:
        unseeded = {replace(row, seed=0).name: row for row in rows}.values()
        rows = [replace(row, seed=seed) for row in unseeded for seed in dict.fromkeys(seeds)]
    if only is None:
        return rows
    try:
        kept = [row for row in rows if re.search(only, row.name)]
    except re.error as error:
        raise InputError(f'--only {only}: not a regular expression: {error}.') from error
    if not kept:
        raise InputError(f'--only {only}: no run of {exp} has it in its name. The first is called {rows[0].name}.')
    return kept


def generate_experiment_cfgs(exp: str | int) -> list[dict[str, Any]]:
    """The configs of the table ``exp``, in its order; bases are relative to ``configs/generated/<exp>/``.

    Raises:
        InputError: there is no such table.
    """
    return [run.cfg() for run in rows_of(exp)]


def listing(rows: Sequence[Run]) -> str:
    """Name and published mIoU of every row."""
    width = max(len(row.name) for row in rows)
    lines = [f'{row.name:{width}}  {row.published}' for row in rows]
    return '\n'.join(
        [
            f'{"run":{width}}  published mIoU',
            *lines,
            f'{len(rows)} runs. Published: mean over seeds 0, 1 and 2; {NOT_PUBLISHED} not known.',
        ]
    )


def list_tables() -> str:
    """ID, number of runs and contents of every table."""
    lines = [f'{exp:9} {len(table(exp)):3}  {(table.__doc__ or "").strip()}' for exp, table in TABLES.items()]
    return '\n'.join([f'{"ID":8} runs', *lines])

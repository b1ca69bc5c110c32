"""Tables of experiments: each is a list of rows, each row one run; they are files of ``mmseg/config/grids/``.

    python experiments.py --list           # all tables
    python experiments.py --exp 1 --list   # the runs of one
    python experiments.py --exp 1          # train them; the same as: python run_experiments.py --exp 1

1 to 8 and 100 are the tables of the DAFormer paper (arXiv 2111.14887), 40 to 49 those of HRDA (arXiv 2204.13132), the
others train the configs that come with the code. Every option is in ``--help`` and in docs/experiments.md.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mmseg.config.experiment import Run
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


if __name__ == '__main__':
    from run_experiments import leave, main  # which imports this module

    leave(main())

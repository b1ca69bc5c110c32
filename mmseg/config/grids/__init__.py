"""Tables of experiments, one file each: a file of this folder is a table by being there.

It has ``EXP``, the ID of the table, and ``rows(exp)``, its runs in order, with a sentence that says what it shows.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence

from mmseg.config.experiment import Run

#: more than any number of a table
MANY = 10**6
Table = Callable[[str], Sequence[Run]]


def tables() -> dict[str, Table]:
    """Every table by its ID: numbers first, in their order, then names."""
    modules = [importlib.import_module(f'{__name__}.{found.name}') for found in pkgutil.iter_modules(__path__)]
    found: dict[str, Table] = {}
    for module in modules:
        assert module.EXP not in found, f'two tables {module.EXP}'
        found[module.EXP] = module.rows
    return dict(sorted(found.items(), key=lambda item: (int(item[0]), '') if item[0].isdigit() else (MANY, item[0])))

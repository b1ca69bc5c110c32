"""What a part of the package says of whole configs: old spellings of its keys, and settings elsewhere that it needs.

One file a part, found by being in this folder; it imports no network. A part outside the package says the same in its
own module, which ``custom_imports`` of the config imports.

    @old_spelling
    def _renamed(values): ...       # changes the config in place, returns a note for each change

    @across_sections
    def _needs(values): ...         # yields a sentence for everything that does not go together

    dead_key('uda', 'some_key', 'why it may go')
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Change = Callable[[dict[str, Any]], list[str]]
Check = Callable[[dict[str, Any]], Iterator[str]]


@dataclass(frozen=True)
class Dead:
    """A key without effect: the dicts it stands in (dotted path, ``*`` matches anything), and why it may go."""

    where: str
    key: str
    why: str
    applies: Callable[[dict], bool] = lambda parent: True


CHANGES: list[Change] = []
CHECKS: list[Check] = []
DEAD: list[Dead] = []


def old_spelling(change: Change) -> Change:
    """Let ``change`` bring a resolved config to today's spelling, whenever one is read.

    It gets the config, changes it in place and returns a short note for each change; it raises an :class:`InputError`
    where a setting meant something and has no counterpart.
    """
    CHANGES.append(change)
    return change


def across_sections(check: Check) -> Check:
    """Let ``check`` look at every completed config; what it yields is an error of the config."""
    CHECKS.append(check)
    return check


def dead_key(where: str, key: str, why: str, applies: Callable[[dict], bool] = lambda parent: True) -> None:
    """Drop ``key`` from dicts at ``where`` (dotted path, ``*`` matches anything) if it ``applies``."""
    DEAD.append(Dead(where, key, why, applies))


def value_at(values: Any, dotted: str) -> Any:
    """The value at ``'a.b.c'``, None where there is none."""
    for key in dotted.split('.'):
        if not isinstance(values, dict) or key not in values:
            return None
        values = values[key]
    return values


for _part in pkgutil.iter_modules(__path__):
    importlib.import_module(f'{__name__}.{_part.name}')

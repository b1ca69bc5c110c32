"""Types and choices of command-line arguments that commands share. Imports nothing heavy."""

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

from mmseg.errors import InputError

#: what networks compute in; the names of :data:`mmseg.arithmetic.DTYPES`
PRECISIONS = ('fp32', 'bf16', 'fp16')


def positive(text: str) -> int:
    """A whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: something else.
    """
    return _at_least(1, text)


def natural(text: str) -> int:
    """A whole number of at least 0.

    Raises:
        argparse.ArgumentTypeError: something else.
    """
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    number = int(text) if text.strip().isdecimal() else -1
    if number < least:
        raise argparse.ArgumentTypeError(f'{text}: has to be a whole number of at least {least}')
    return number


def named_run(text: str) -> tuple[str, Path]:
    """``NAME=WORK_DIR``, or a work directory that is its own name."""
    name, separator, folder = text.partition('=')
    path = Path(folder if separator else text)
    return name if separator and name else os.path.basename(os.path.abspath(path)), path  # of '.' too


def told_apart(named: Iterable[tuple[str, Path]], remedy: str = 'tell them apart, NAME=WORK_DIR') -> dict[str, Path]:
    """Runs, or others, by their names.

    Raises:
        InputError: two have one name; with the ``remedy``.
    """
    found: dict[str, Path] = {}
    for name, path in named:
        if name in found:
            raise InputError(f'{found[name]} and {path} are both called {name}: {remedy}.')
        found[name] = path
    return found


def configs_by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """Configs by the name of their file, without suffix.

    Raises:
        InputError: two have one name, or one is given twice.
    """
    return told_apart(((path.stem, path) for path in paths), 'a table knows configs by these names, give each its own')

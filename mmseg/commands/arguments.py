"""Types and choices of command-line arguments that commands share. Imports nothing heavy."""

import argparse
from pathlib import Path

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
    return (name, Path(folder)) if separator else (Path(text).name, Path(text))

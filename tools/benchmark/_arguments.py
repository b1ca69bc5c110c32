"""Types of arguments that the measurements share."""

import argparse


def positive(text: str) -> int:
    """A whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: something else.
    """
    number = int(text) if text.strip().isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f'{text}: has to be a whole number of at least 1')
    return number

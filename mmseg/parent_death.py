"""Lets a process that we start end with us, however we end (Linux; elsewhere nothing happens)."""

import ctypes
import sys

SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)
_LIBC = ctypes.CDLL(None) if sys.platform == 'linux' else None


def end_with_parent(number: int) -> None:
    """Let the system send signal ``number`` to this process when the one that started it dies.

    To be called in the new process, before the command takes it over.
    """
    if _LIBC is not None:
        _LIBC.prctl(SET_PARENT_DEATH_SIGNAL, number)

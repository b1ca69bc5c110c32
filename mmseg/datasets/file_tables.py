"""What tables about many files have in common: names in one array, and stamps that tell when a file has changed."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def names_to_array(names: Iterable[str]) -> np.ndarray:
    """Names (at least one) as one uint8 array, which loads at once."""
    return text_to_array('\0'.join(names))


def names_from_array(array: np.ndarray) -> list[str]:
    return text_from_array(array).split('\0')


def text_to_array(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def text_from_array(array: np.ndarray) -> str:
    return array.tobytes().decode()


def file_stamps(paths: Iterable[str | Path]) -> np.ndarray:
    """Bytes and time of change (ns) of each file, int64 (files, 2); -1 for one that is not there."""
    return np.array([_stamp(path) for path in paths], dtype=np.int64).reshape(-1, 2)


def _stamp(path: str | Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns

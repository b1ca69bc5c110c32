"""What tables about many files have in common: names in one array, and stamps that tell when a file has changed."""

import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np


def names_to_array(names: Iterable[str]) -> np.ndarray:
    """Names (at least one) as one uint8 array, which loads at once."""
    return text_to_array('\0'.join(names))


def text_to_array(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(errors='surrogatepass'), dtype=np.uint8)  # names need not be UTF-8


def text_from_array(array: np.ndarray) -> str:
    return array.tobytes().decode(errors='surrogatepass')


class DamagedTableError(Exception):
    """Why what is in a file is not the table that was written there."""


def load_table(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` that ``np.savez`` wrote; never more than the file itself holds.

    Raises:
        FileNotFoundError: there is none.
        DamagedTableError: it is something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            packed = [entry.filename for entry in archive.infolist() if entry.file_size > path.stat().st_size]
        if packed:
            raise DamagedTableError(f'is damaged: {packed[0]} is larger than the file')
        with np.load(path) as stored:
            return {key: stored[key] for key in stored.files}
    except (FileNotFoundError, DamagedTableError):
        raise
    except Exception as error:  # one changed byte makes the reader fail in a dozen ways
        raise DamagedTableError(f'cannot be read ({error!r})') from error


def whole_numbers(table: Mapping[str, np.ndarray], key: str, *shape: int, least: int = -1) -> np.ndarray:
    """``table[key]`` as int64, if it has this shape and no number below ``least``; -1 stands for what is not there.

    Raises:
        DamagedTableError: it does not, or is not there.
    """
    array = table.get(key)
    if array is None or array.dtype.kind not in 'iu' or array.shape != shape or (array.size and array.min() < least):
        raise DamagedTableError(f'is damaged: its {key} are not what was written')
    return array.astype(np.int64)


def text_in(table: Mapping[str, np.ndarray], key: str) -> str:
    """The text that :func:`text_to_array` put there.

    Raises:
        DamagedTableError: there is none.
    """
    try:
        return text_from_array(table[key])
    except (KeyError, UnicodeDecodeError) as error:
        raise DamagedTableError(f'is damaged: its {key} is no text') from error


def file_stamps(paths: Iterable[str | Path]) -> np.ndarray:
    """Bytes and time of change (ns) of each file, int64 (files, 2); -1 for one that is not there."""
    return np.array([_stamp(path) for path in paths], dtype=np.int64).reshape(-1, 2)


def _stamp(path: str | Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns

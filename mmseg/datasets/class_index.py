"""The stored index of rare class sampling: how many pixels of each class every label map holds.

It is three JSON files beside the labels, in the form DAFormer users know: ``sample_class_stats.json``
([{class: pixels, ..., 'file': name}, ...]), ``sample_class_stats_dict.json`` ({name: {class: pixels}}) and
``samples_with_class.json`` ({class: [[name, pixels], ...]}). Beside them lies the same as one table,
``sample_class_counts.npz``: 24,966 label maps are read from it in a hundredth of a second, and it says which files it
counted and what their values meant. An index that only has the JSON files gets its table when it is first used.
"""

import contextlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmseg.config.values import shown
from mmseg.datasets.file_tables import (
    DamagedTableError,
    file_stamps,
    load_table,
    names_to_array,
    text_in,
    text_to_array,
    whole_numbers,
)
from mmseg.datasets.labels import LabelReader
from mmseg.foreign_json import parse_json
from mmseg.places import UnwritableError
from mmseg.writing import write_bytes

STATS = 'sample_class_stats.json'
STATS_BY_FILE = 'sample_class_stats_dict.json'
SAMPLES_WITH_CLASS = 'samples_with_class.json'
TABLE = 'sample_class_counts.npz'

SPREAD = 2048
"""In folders without new or removed files, so many files are compared with the index; in others, all of them."""

MOST_PIXELS = 2**40  # of a class in one label map

Counts = dict[int, int]
Files = Mapping[str, str | Path]


class UnusableIndexError(Exception):
    """Why an index that is there, or is not, cannot be used for these label maps."""


@dataclass(frozen=True, eq=False)
class ClassTable:
    """Counts of label maps, and what they were counted from.

    Attributes:
        names: of the label maps, relative to the root of the data.
        counts: pixels, (files, classes) int64.
        stamps: (files, 2) int64: bytes and time of change in ns.
        folders: (folders, 1) int64, time of change in ns, of the folders in sorted order.
        meaning: what the values of the files mean: ``meaning`` of the reader.
    """

    names: list[str]
    counts: np.ndarray
    stamps: np.ndarray
    folders: np.ndarray
    meaning: str


def write_index(folder: Path, files: Files, counts: Mapping[str, Counts], reader: LabelReader) -> None:
    """Write the files of the index, each as a whole or not at all."""
    with_class: dict[int, list] = {}
    for name, count in counts.items():
        for train_id, pixels in count.items():
            with_class.setdefault(train_id, []).append([name, pixels])
    _dump(folder / STATS, [{**count, 'file': name} for name, count in counts.items()])
    _dump(folder / STATS_BY_FILE, counts)
    _dump(folder / SAMPLES_WITH_CLASS, dict(sorted(with_class.items())))
    write_table(folder, files, table_of([counts[name] for name in files], reader), reader)


def write_table(folder: Path, files: Files, counts: np.ndarray, reader: LabelReader) -> None:
    """Write the table of ``counts`` (files, classes) beside the JSON files that it belongs to."""
    content = io.BytesIO()
    np.savez(
        content,
        names=names_to_array(files),
        counts=counts.astype(np.uint32),
        stamps=file_stamps(files.values()),
        folders=folder_stamps(files),
        meaning=text_to_array(reader.meaning),
        json=file_stamps([folder / STATS]),
    )
    write_bytes(folder / TABLE, content.getvalue())


def load_index(folder: Path, files: Files, reader: LabelReader) -> np.ndarray:
    """The counts (files, classes) of ``files`` from the index in ``folder``.

    An index made by DAFormer's own converters will do. Where there is no table, one is written if possible.

    Raises:
        UnusableIndexError: it is missing, damaged, incomplete, or older than what it describes.
    """
    table = _load_table(folder)
    if table is not None:
        return _checked(table, files, reader)
    counts = table_of(list(_load_json(folder, files).values()), reader)
    if not counts.any():
        raise UnusableIndexError('is empty: it counts no pixel')
    written = (folder / STATS).stat().st_mtime_ns
    newer = np.flatnonzero(file_stamps(files.values())[:, 1] > written)
    if len(newer):
        raise UnusableIndexError(f'is stale: {list(files)[newer[0]]} is newer')
    if writable(folder):
        with contextlib.suppress(OSError, UnwritableError):
            write_table(folder, files, counts, reader)
    return counts


def writable(folder: Path) -> bool:
    """Whether the index may be written to an existing folder: not if it is marked read-only, even where root could."""
    return bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK)


def table_of(counts: Sequence[Counts], reader: LabelReader) -> np.ndarray:
    """Counts of label maps as a table (files, classes).

    Raises:
        UnusableIndexError: a class that there is not.
    """
    assert reader.num_classes is not None
    foreign = {train_id for count in counts for train_id in count if train_id >= reader.num_classes}
    if foreign:
        raise UnusableIndexError(f'is stale: it counts class {min(foreign)}, there are {reader.num_classes} classes')
    table = np.zeros((len(counts), reader.num_classes), dtype=np.int64)
    for row, count in enumerate(counts):
        table[row, list(count)] = list(count.values())
    return table


def folder_stamps(files: Files) -> np.ndarray:
    """Time of change (ns) of each folder that holds a file; it changes when a file is added, removed or replaced."""
    inside = {name.rpartition('/')[0]: path for name, path in files.items()}
    return file_stamps(os.path.dirname(inside[name]) for name in sorted(inside))[:, 1:]


def _load_table(folder: Path) -> ClassTable | None:
    """The table, if it is there, whole, and that of the JSON files beside it."""
    try:
        content = load_table(folder / TABLE)
        if (folder / STATS).exists() and not np.array_equal(content.get('json', ()), file_stamps([folder / STATS])):
            return None
        names = text_in(content, 'names').split('\0')
        classes = np.shape(content.get('counts', ()))[1:2] or (0,)
        return ClassTable(
            names=names,
            counts=whole_numbers(content, 'counts', len(names), *classes, least=0),
            stamps=whole_numbers(content, 'stamps', len(names), 2),
            folders=whole_numbers(content, 'folders', len({name.rpartition('/')[0] for name in names}), 1),
            meaning=text_in(content, 'meaning'),
        )
    except (FileNotFoundError, DamagedTableError):
        return None


def _checked(table: ClassTable, files: Files, reader: LabelReader) -> np.ndarray:
    """The rows of ``files``."""
    if table.meaning != reader.meaning or table.counts.shape[1] != reader.num_classes:
        raise UnusableIndexError('was made for other classes or another label_map')
    names, counts, stamps = list(files), table.counts, table.stamps
    if table.names != names:
        rows = {name: row for row, name in enumerate(table.names)}
        missing = [name for name in names if name not in rows]
        if missing:
            raise UnusableIndexError(
                f'is stale: it lacks {len(missing)} of {len(files)} label maps, such as {missing[0]}'
            )
        order = [rows[name] for name in names]
        counts, stamps = counts[order], stamps[order]
    step = 1
    if len(names) > SPREAD and np.array_equal(table.folders, folder_stamps(files)):
        step = -(-len(names) // SPREAD)
    changed = np.flatnonzero((file_stamps(list(files.values())[::step]) != stamps[::step]).any(1))
    if len(changed):
        raise UnusableIndexError(f'is stale: {names[changed[0] * step]} has changed since')
    return counts


def _load_json(folder: Path, files: Files) -> dict[str, Counts]:
    try:
        entries = parse_json((folder / STATS).read_text(encoding='utf-8'))
        stored = {_name_in(entry): _counts_of(entry) for entry in entries}
    except FileNotFoundError:
        raise UnusableIndexError('does not exist') from None
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UnusableIndexError(f'cannot be read ({error!r})') from error
    counts = _matched(stored, files)
    missing = [name for name in files if name not in counts]
    if missing:
        raise UnusableIndexError(f'is stale: it lacks {len(missing)} of {len(files)} label maps, such as {missing[0]}')
    return counts


def _name_in(entry: Mapping[str, Any]) -> str:
    if not isinstance(entry['file'], str):
        raise TypeError(f'{shown(entry["file"])} is no file')
    return entry['file']


def _counts_of(entry: Mapping[str, Any]) -> Counts:
    counts = {train_id: pixels for train_id, pixels in entry.items() if train_id != 'file'}
    for train_id, pixels in counts.items():
        if not train_id.isdecimal() or type(pixels) is not int or not 0 <= pixels <= MOST_PIXELS:
            raise ValueError(f'{shown(pixels)} pixels of class {train_id!r}')
    return {int(train_id): pixels for train_id, pixels in counts.items()}


def _matched(stored: Mapping[str, Counts], files: Files) -> dict[str, Counts]:
    """Stored counts under our names. A foreign name may have folders in front of ours, or backslashes."""
    tails: dict[str, Counts] = {}
    for key, count in stored.items():
        parts = key.replace('\\', '/').split('/')
        for start in range(len(parts)):
            tail = '/'.join(parts[start:])
            if tail in files:
                tails[tail] = count
                break
    return {name: tails[name] for name in files if name in tails}


def _dump(path: Path, content: object) -> None:
    write_bytes(path, json.dumps(content).encode())

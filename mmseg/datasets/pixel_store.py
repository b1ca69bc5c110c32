"""Arrays of pixels on disk, raw, so that a crop is read by mapping the file: no decoding, no copy of the rest.

A store is a folder: ``manifest.npz`` and ``pixels-000.raw``, ``pixels-001.raw``, ... It says what its arrays are (a
text) and which files they were made from; the arrays of one store share type and number of channels, not size.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mmseg.datasets.file_tables import (
    DamagedTableError,
    file_stamps,
    load_table,
    names_to_array,
    text_in,
    text_to_array,
    whole_numbers,
)
from mmseg.datasets.parallel import each
from mmseg.errors import InputError
from mmseg.writing import naming_full_disk, replacing_folder

MANIFEST = 'manifest.npz'
SHARD_BYTES = 4 * 2**30
BYTES = np.dtype(np.uint8)
DTYPES = {name: np.dtype(name) for name in ('uint8', 'uint16', 'int16', 'float32')}

Size = tuple[int, int]
Make = Callable[[str], tuple[np.ndarray, Size]]
"""A file -> its array (h, w[, channels]) of one of :data:`DTYPES`, and the (height, width) that the file has."""


class UnusableStoreError(Exception):
    """Why a store that is there, or is not, cannot stand for the files."""


@dataclass(frozen=True, eq=False)
class PixelStore:
    """A store that fits its files; see :func:`open_store`.

    Attributes:
        folder: where it lies.
        rows: path of a file -> row of the tables below.
        sizes: (height, width) of the arrays, (n, 2).
        originals: (height, width) of the files, (n, 2).
        places: (shard, first byte) of the arrays, (n, 2).
        channels: of each array; 0 for arrays without that axis.
        dtype: of the numbers.
    """

    folder: Path
    rows: dict[str, int]
    sizes: np.ndarray
    originals: np.ndarray
    places: np.ndarray
    channels: int
    dtype: np.dtype = BYTES

    def __getitem__(self, file: str) -> np.ndarray:
        """The array of ``file``, read-only; only the part that is looked at is read from the disk."""
        row = self.rows[file]
        shape = tuple(int(length) for length in self.sizes[row]) + ((self.channels,) if self.channels else ())
        shard, start = (int(number) for number in self.places[row])
        return np.frombuffer(self._mapped[shard], self.dtype, count=int(np.prod(shape)), offset=start).reshape(shape)

    def original(self, file: str) -> Size:
        """(height, width) of ``file``."""
        height, width = self.originals[self.rows[file]]
        return int(height), int(width)

    @cached_property
    def _mapped(self) -> list[np.memmap]:
        return [np.memmap(shard_file(self.folder, shard), mode='r') for shard in range(int(self.places[-1, 0]) + 1)]

    def __getstate__(self) -> dict:
        """Without the mapped files: a worker that is spawned maps them itself."""
        return {key: value for key, value in vars(self).items() if key != '_mapped'}


def open_store(folder: Path, meaning: str, files: Mapping[str, str], make: Make) -> PixelStore:
    """The store in ``folder``, made sure to hold what ``make`` gives for ``files`` now.

    Every file's size and time of change are compared, and the pixels of one.

    Args:
        folder: where the store is.
        meaning: what its arrays have to be.
        files: the files that are needed: path -> name in the store.
        make: how an array is made.

    Raises:
        UnusableStoreError: it is missing, damaged, incomplete, of another meaning, or older than its files.
    """
    try:
        content = load_table(folder / MANIFEST)
        names, found = text_in(content, 'names').split('\0'), text_in(content, 'meaning')
        tables = {key: whole_numbers(content, key, len(names), 2) for key in ('sizes', 'originals', 'places', 'stamps')}
        lengths = whole_numbers(content, 'lengths', *np.shape(content.get('lengths', ()))[:1])
        channels = int(whole_numbers(content, 'channels'))
        dtype = DTYPES.get(text_in(content, 'dtype') if 'dtype' in content else BYTES.name)
        if dtype is None:
            raise DamagedTableError('is damaged: its numbers have no type')
        _check_places(tables, lengths, max(channels, 1) * dtype.itemsize)
    except FileNotFoundError:
        raise UnusableStoreError('does not exist') from None
    except DamagedTableError as error:
        raise UnusableStoreError(str(error)) from error
    if found != meaning:
        raise UnusableStoreError(f'holds something else ({found})')
    for shard, length in enumerate(lengths):
        if file_stamps([shard_file(folder, shard)])[0, 0] != length:
            raise UnusableStoreError(f'is damaged: {shard_file(folder, shard).name} is not {length} bytes long')
    stored_rows = {name: row for row, name in enumerate(names)}
    missing = [file for file, name in files.items() if name not in stored_rows]
    if missing:
        raise UnusableStoreError(f'is incomplete: it lacks {len(missing)} of {len(files)} files, such as {missing[0]}')
    rows = {file: stored_rows[name] for file, name in files.items()}
    paths = list(files)
    changed = np.flatnonzero((file_stamps(paths) != tables['stamps'][list(rows.values())]).any(1))
    if len(changed):
        raise UnusableStoreError(f'is stale: {paths[changed[0]]} has changed since')
    store = PixelStore(folder, rows, tables['sizes'], tables['originals'], tables['places'], channels, dtype)
    if not np.array_equal(store[paths[0]], make(paths[0])[0]):
        raise UnusableStoreError(f'is stale: {paths[0]} gives other pixels here (another version of OpenCV?)')
    return store


def _check_places(tables: Mapping[str, np.ndarray], lengths: np.ndarray, pixel: int) -> None:
    """Every array, of so many bytes a ``pixel``, has to lie within its shard."""
    (shards, starts), sizes = tables['places'].T, tables['sizes']
    if not len(lengths) or (sizes < 1).any() or pixel < 1 or shards.min() < 0 or shards.max() >= len(lengths):
        raise DamagedTableError('is damaged: its places lie nowhere')
    if (starts < 0).any() or (starts + sizes.prod(axis=1) * pixel > lengths[shards]).any():
        raise DamagedTableError('is damaged: its places lie nowhere')


def write_store(folder: Path, meaning: str, files: Mapping[str, str], make: Make, *, nproc: int, title: str) -> int:
    """Make the array of every file and store it; the folder appears when it is complete, and replaces an older one.

    Args:
        folder: where the store goes.
        meaning: what its arrays are.
        files: what they are made from: path -> name in the store.
        make: how; importable by name, as other processes call it.
        nproc: processes.
        title: of the progress bar.

    Returns:
        Bytes written.

    Raises:
        InputError: a file cannot be read, the folder not written, or the disk is too small.
    """
    array, _ = make(next(iter(files)))
    stamps = file_stamps(files)
    try:
        with naming_full_disk(folder, needed=array.nbytes * len(files)), replacing_folder(folder) as begun:
            _check_space(begun, array.nbytes * len(files))
            made = each(make, list(files), nproc=nproc, title=title)
            sizes, originals, places, lengths = _write_shards(begun, made)
            np.savez(
                begun / MANIFEST,
                names=names_to_array(files.values()),
                meaning=text_to_array(meaning),
                stamps=stamps,
                sizes=sizes,
                originals=originals,
                places=places,
                lengths=lengths,
                channels=array.shape[2] if array.ndim == 3 else 0,
                dtype=text_to_array(array.dtype.name),
            )
    except OSError as error:
        raise InputError(f'The cache cannot be written to {str(folder)!r}: {error.strerror}.') from error
    return sum(lengths)


def shard_file(folder: Path, shard: int) -> Path:
    return folder / f'pixels-{shard:03}.raw'


def _write_shards(
    folder: Path, made: Iterator[tuple[np.ndarray, Size]]
) -> tuple[list[Size], list[Size], list[tuple[int, int]], list[int]]:
    """Sizes, sizes of the files and places of the arrays, and the lengths of the shards they are in."""
    sizes: list[Size] = []
    originals: list[Size] = []
    places: list[tuple[int, int]] = []
    lengths: list[int] = []
    out: BinaryIO | None = None
    try:
        first: tuple | None = None
        for array, original in made:
            kind = array.dtype, array.shape[2:]
            first = first or kind
            if kind != first:
                raise InputError(
                    f'The images of one cache need one depth and number of bands: {first} and {kind} differ.'
                )
            if out is None or lengths[-1] + array.nbytes > SHARD_BYTES:
                if out is not None:
                    out.close()
                out = shard_file(folder, len(lengths)).open('wb')
                lengths.append(0)
            out.write(np.ascontiguousarray(array).data)
            sizes.append((array.shape[0], array.shape[1]))
            originals.append(original)
            places.append((len(lengths) - 1, lengths[-1]))
            lengths[-1] += array.nbytes
    finally:
        if out is not None:
            out.close()
    return sizes, originals, places, lengths


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f'The cache needs {needed / 1e9:.1f} GB; the disk of {str(folder.parent)!r} has {free / 1e9:.1f} GB left. '
            'Set another cache_dir of the data set.'
        )

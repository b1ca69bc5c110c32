"""How many pixels of each class every label map holds: counted once, kept as the index of rare class sampling.

The index is three JSON files beside the labels, in the form DAFormer users know:
``sample_class_stats.json`` ([{class: pixels, ..., 'file': name}, ...]), ``sample_class_stats_dict.json``
({name: {class: pixels}}) and ``samples_with_class.json`` ({class: [[name, pixels], ...]}). Ours also writes
``sample_class_index.json``, from which a later run sees that a label map or its meaning has changed.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmseg.datasets.labels import LabelReader, read_ids
from mmseg.datasets.parallel import each
from mmseg.errors import InputError

STATS = 'sample_class_stats.json'
STATS_BY_FILE = 'sample_class_stats_dict.json'
SAMPLES_WITH_CLASS = 'samples_with_class.json'
PROVENANCE = 'sample_class_index.json'

Counts = dict[int, int]


class UnusableIndexError(Exception):
    """Why an index that is there, or is not, cannot be used for these label maps."""


def count_classes(label: np.ndarray, ignore_index: int = 255) -> Counts:
    """Class -> number of its pixels in a label map of train ids, without ignored ones and absent classes."""
    counts = np.bincount(label.ravel(), minlength=256)
    counts[ignore_index] = 0
    return {int(train_id): int(counts[train_id]) for train_id in np.flatnonzero(counts)}


def class_counts(
    files: Mapping[str, Path],
    reader: LabelReader,
    root: Path,
    *,
    index_dir: str | Path | None = None,
    nproc: int | None = None,
) -> np.ndarray:
    """Pixels of each class in each label map, int64 (files, classes): from the index, which is built if need be.

    Args:
        files: name relative to ``root`` (POSIX) -> label map.
        reader: what the values in the files mean.
        root: where the index belongs.
        index_dir: where it goes when ``root`` cannot be written to; None takes the user's cache folder.
        nproc: processes that count.

    Raises:
        InputError: no pixel of any label map has a class.
    """
    places = [root, *([Path(index_dir)] if index_dir else []), _cache(root)]
    reasons = {}
    for place in places:
        try:
            return _table(load_index(place, files, reader), reader)
        except UnusableIndexError as reason:
            reasons[place] = reason
    if (root / STATS).exists():
        print_log(
            f'The class index in {str(root)!r} {reasons[root]}; it is built again.', 'current', level=logging.WARNING
        )
    counts = count_files(files, reader, nproc=nproc or min(8, os.cpu_count() or 1))
    for place in places:
        if _write_if_possible(place, files, counts, reader):
            print_log(f'Class index of {len(files)} label maps written to {str(place)!r}.', 'current')
            break
    return _table(counts, reader)


def count_files(files: Mapping[str, Path], reader: LabelReader, *, nproc: int) -> dict[str, Counts]:
    """Count every label map.

    Raises:
        InputError: there is no labelled pixel in any of them; the message lists the values that there are.
    """
    counted = each(partial(_count_file, reader=reader), list(files.values()), nproc=nproc, title='Counting classes')
    counts = dict(zip(files, counted, strict=True))
    check_labelled(counts, files)
    return counts


def check_labelled(counts: Mapping[str, Counts], files: Mapping[str, Path]) -> None:
    """Refuse label maps without a single labelled pixel."""
    if any(counts.values()):
        return
    values: Counter[int] = Counter()
    for path in list(files.values())[:5]:
        values.update(count_classes(read_ids(path), ignore_index=255))
        values[255] += int((read_ids(path) == 255).sum())
    held = ', '.join(f'{value} ({pixels} pixels)' for value, pixels in values.most_common(8) if pixels)
    raise InputError(
        f'None of the {len(files)} label maps has a labelled pixel, so there is nothing to learn from. '
        f'The first ones, such as {str(next(iter(files.values()), None))!r}, hold the values {held}.'
    )


def write_index(folder: Path, files: Mapping[str, Path], counts: Mapping[str, Counts], reader: LabelReader) -> None:
    """Write the four files of the index, each as a whole or not at all."""
    with_class: dict[int, list] = {}
    for name, count in counts.items():
        for train_id, pixels in count.items():
            with_class.setdefault(train_id, []).append([name, pixels])
    _dump(folder / STATS, [{**count, 'file': name} for name, count in counts.items()])
    _dump(folder / STATS_BY_FILE, counts)
    _dump(folder / SAMPLES_WITH_CLASS, dict(sorted(with_class.items())))
    _dump(folder / PROVENANCE, {'meaning': repr(reader), 'bytes': {name: _bytes(path) for name, path in files.items()}})


def load_index(folder: Path, files: Mapping[str, Path], reader: LabelReader) -> dict[str, Counts]:
    """The counts of ``files`` from the index in ``folder``; an index made by DAFormer's own converters will do.

    Raises:
        UnusableIndexError: it is missing, damaged, incomplete, or older than what it describes.
    """
    try:
        entries = json.loads((folder / STATS).read_text())
        stored = {entry['file']: _counts_of(entry) for entry in entries}
        origin = json.loads((folder / PROVENANCE).read_text()) if (folder / PROVENANCE).exists() else None
        changed = _changed(origin, files, reader) if origin else None
    except FileNotFoundError:
        raise UnusableIndexError('does not exist') from None
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UnusableIndexError(f'cannot be read ({error!r})') from error
    if changed:
        raise UnusableIndexError(changed)
    counts = _matched(stored, files)
    missing = [name for name in files if name not in counts]
    if missing:
        raise UnusableIndexError(f'is stale: it lacks {len(missing)} of {len(files)} label maps, such as {missing[0]}')
    foreign = {train_id for count in counts.values() for train_id in count if train_id >= (reader.num_classes or 256)}
    if foreign:
        raise UnusableIndexError(f'is stale: it counts class {min(foreign)}, there are {reader.num_classes} classes')
    if not any(counts.values()):
        raise UnusableIndexError('is empty: it counts no pixel')
    return counts


def _count_file(path: Path, reader: LabelReader) -> Counts:
    return count_classes(reader(path), reader.ignore_index)


def _counts_of(entry: Mapping[str, int]) -> Counts:
    return {int(train_id): int(pixels) for train_id, pixels in entry.items() if train_id != 'file'}


def _changed(origin: dict, files: Mapping[str, Path], reader: LabelReader) -> str | None:
    if origin['meaning'] != repr(reader):
        return 'was made for other classes or another label_map'
    sizes = origin['bytes']
    changed = next((name for name, path in files.items() if name in sizes and sizes[name] != _bytes(path)), None)
    return f'is stale: {changed} has changed since' if changed else None


def _matched(stored: Mapping[str, Counts], files: Mapping[str, Path]) -> dict[str, Counts]:
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


def _table(counts: Mapping[str, Counts], reader: LabelReader) -> np.ndarray:
    assert reader.num_classes is not None
    table = np.zeros((len(counts), reader.num_classes), dtype=np.int64)
    for row, count in enumerate(counts.values()):
        table[row, list(count)] = list(count.values())
    return table


def _write_if_possible(place: Path, files: Mapping[str, Path], counts: dict[str, Counts], reader: LabelReader) -> bool:
    if place.exists() and not place.stat().st_mode & 0o222:
        return False  # marked read-only, which root could overrule but should not
    try:
        place.mkdir(parents=True, exist_ok=True)
        write_index(place, files, counts, reader)
    except OSError:
        return False
    return True


def _cache(root: Path) -> Path:
    base = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    return base / 'mmseg' / sha256(str(root.resolve()).encode()).hexdigest()[:16]


def _bytes(path: Path) -> int:
    return path.stat().st_size


def _dump(path: Path, content: object) -> None:
    unfinished = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    unfinished.write_text(json.dumps(content))
    unfinished.replace(path)

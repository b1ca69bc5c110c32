"""How many pixels of each class every label map holds: counted once, kept as the index of rare class sampling."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmseg.datasets.check import spread
from mmseg.datasets.class_index import (
    STATS,
    Counts,
    Files,
    UnusableIndexError,
    load_index,
    table_of,
    writable,
    write_index,
)
from mmseg.datasets.labels import WIDEST, LabelReader, read_ids
from mmseg.datasets.parallel import each
from mmseg.errors import InputError
from mmseg.places import UnwritableError, home_expanded, user_cache

COMPARED = 3
"""So many label maps are counted again before an index is believed."""
LOOKED_AT = (32, 320)
"""So many label maps are looked at, one step after the other, to see whether every class is shown."""


def count_classes(label: np.ndarray, ignore_index: int = 255) -> Counts:
    """Class -> number of its pixels in a label map of train ids, without ignored ones and absent classes."""
    counts = np.bincount(label.ravel(), minlength=ignore_index + 1)
    counts[ignore_index] = 0
    return {int(train_id): int(counts[train_id]) for train_id in np.flatnonzero(counts)}


def class_counts(
    files: Files,
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
    places = _places(root, index_dir)
    counts, reasons = _loaded(places, files, reader)
    if counts is not None:
        return counts
    if (root / STATS).exists():
        print_log(
            f'The class index in {str(root)!r} {reasons[root]}; it is built again.', 'current', level=logging.WARNING
        )
    counted = count_files(files, reader, nproc=nproc or min(8, os.cpu_count() or 1))
    for place in places:
        if _write_if_possible(place, files, counted, reader):
            print_log(f'Class index of {len(files)} label maps written to {str(place)!r}.', 'current')
            break
    return table_of(list(counted.values()), reader)


def known_class_counts(
    files: Files, reader: LabelReader, root: Path, *, index_dir: str | Path | None = None
) -> np.ndarray | None:
    """As :func:`class_counts`, but None where there are many label maps without an index and some show every class.

    A few are looked at, then some more; all are counted only where these show no pixel of a class.

    Raises:
        InputError: as :func:`class_counts`.
    """
    counts, _ = _loaded(_places(root, index_dir), files, reader)
    if counts is not None:
        return counts
    names = list(files)
    for some in LOOKED_AT:
        chosen = [names[row] for row in spread(len(names), some)]
        counted = {name: _count_file(Path(files[name]), reader) for name in chosen}
        shown = table_of(list(counted.values()), reader)
        if len(chosen) == len(names):
            check_labelled(counted, files)
            return shown
        if shown.any(axis=0).all():
            return None
    return class_counts(files, reader, root, index_dir=index_dir)


def _places(root: Path, index_dir: str | Path | None) -> list[Path]:
    """Where an index may be."""
    cache = _cache(root)
    return [root, *([home_expanded(index_dir)] if index_dir else []), *([cache] if cache else [])]


def _loaded(
    places: list[Path], files: Files, reader: LabelReader
) -> tuple[np.ndarray | None, dict[Path, UnusableIndexError]]:
    """The counts of the first usable index, and why those before it are not."""
    reasons: dict[Path, UnusableIndexError] = {}
    for place in places:
        try:
            counts = load_index(place, files, reader)
            _compare_some(counts, files, reader)
            return counts, reasons
        except UnusableIndexError as reason:
            reasons[place] = reason
    return None, reasons


def _compare_some(counts: np.ndarray, files: Files, reader: LabelReader) -> None:
    """Count a few label maps again: an index of another tool does not say what it was made from.

    Raises:
        UnusableIndexError: the index says something else.
    """
    names = list(files)
    for row in spread(len(names), COMPARED):
        if (table_of([_count_file(Path(files[names[row]]), reader)], reader)[0] != counts[row]).any():
            raise UnusableIndexError(f'is wrong: it counts other pixels in {names[row]} than there are')


def count_files(files: Files, reader: LabelReader, *, nproc: int) -> dict[str, Counts]:
    """Count every label map.

    Raises:
        InputError: there is no labelled pixel in any of them; the message lists the values that there are.
    """
    counted = each(partial(_count_file, reader=reader), list(files.values()), nproc=nproc, title='Counting classes')
    counts = dict(zip(files, counted, strict=True))
    check_labelled(counts, files)
    return counts


def check_labelled(counts: Mapping[str, Counts], files: Files) -> None:
    """Refuse label maps without a single labelled pixel."""
    if any(counts.values()):
        return
    raise InputError(
        f'None of the {len(files)} label maps has a labelled pixel, so there is nothing to learn from. '
        f'The first ones, such as {str(next(iter(files.values()), None))!r}, {_held(list(files.values())[:5])}.'
    )


def _held(paths: Sequence[str | Path]) -> str:
    """What label files hold, as far as that can be said of values."""
    values: Counter[int] = Counter()
    try:
        for path in paths:
            found, pixels = np.unique(read_ids(path, most=WIDEST), return_counts=True)
            values.update(dict(zip(found.tolist(), pixels.tolist(), strict=True)))
    except InputError:
        return 'show nothing but what is ignored'
    return 'hold the values ' + ', '.join(f'{value} ({pixels} pixels)' for value, pixels in values.most_common(8))


def _count_file(path: Path, reader: LabelReader) -> Counts:
    return count_classes(reader(path), reader.ignore_index)


def _write_if_possible(place: Path, files: Files, counts: dict[str, Counts], reader: LabelReader) -> bool:
    if place.exists() and not writable(place):
        return False
    try:
        write_index(place, files, counts, reader)
    except (OSError, UnwritableError):
        return False
    return True


def _cache(root: Path) -> Path | None:
    base = user_cache()
    return base / 'mmseg' / sha256(os.fsencode(root.resolve())).hexdigest()[:16] if base else None

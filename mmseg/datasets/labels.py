"""Reading of label-map files: file values -> train ids, with every value checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmseg.datasets.label_sets import FILE_IDS, LabelSet
from mmseg.errors import InputError

UNKNOWN = -1


def read_ids(path: str | Path) -> np.ndarray:
    """The values of a single-channel label file as uint8 (H, W); of a palette file its indices, not its colours.

    Raises:
        InputError: the file is missing, unreadable, has colour channels, or holds values above 255.
    """
    try:
        with Image.open(path) as file:
            ids = np.asarray(file)
    except FileNotFoundError:
        raise InputError(f'Label map {str(path)!r} does not exist.') from None
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f'Label map {str(path)!r} cannot be read ({error}). Is the file complete?') from error
    if ids.ndim != 2:
        raise InputError(
            f'Label map {str(path)!r} has {ids.shape[-1]} channels: it shows colours. '
            'A label map has one channel that holds class ids.'
        )
    if ids.dtype != np.uint8 and (ids.min() < 0 or ids.max() > 255):
        raise InputError(
            f'Label map {str(path)!r} holds values from {ids.min()} to {ids.max()}; class ids lie in 0..255. '
            'Is it a map of instances?'
        )
    return ids.astype(np.uint8, copy=False)


@dataclass(frozen=True)
class LabelReader:
    """Reads label files as train ids.

    Args:
        num_classes: valid train ids are below this; None accepts every value.
        ignore_index: train id of ignored pixels. The values 255 and ``ignored`` are read as this.
        label_map: file value -> train id; with it, a value that it does not name is an error.
        ignored: file values that mean ignore.
        reduce_zero_label: value 0 is ignored and value v is class v - 1.
    """

    num_classes: int | None = None
    ignore_index: int = 255
    label_map: tuple[tuple[int, int], ...] | None = None
    ignored: tuple[int, ...] = ()
    reduce_zero_label: bool = False

    def __call__(self, path: str | Path) -> np.ndarray:
        """The train ids in ``path``, uint8 (H, W).

        Raises:
            InputError: as :func:`read_ids`, or a value is neither a class nor ignored.
        """
        ids = read_ids(path)
        if self._identity and not self._unknown.any():
            return ids
        if cv2.countNonZero(cv2.LUT(ids, self._unknown)):
            values = [int(value) for value in np.unique(ids) if self._unknown[value]]
            raise InputError(
                f'Label map {str(path)!r} holds the values {_listed(values)}, which are no class'
                f'{self._expected()}. Convert the labels, give the data set a label_map, '
                'or list values to leave out under ignore.'
            )
        return ids if self._identity else cv2.LUT(ids, self._table.astype(np.uint8))

    @cached_property
    def _table(self) -> np.ndarray:
        """File value -> train id, or :data:`UNKNOWN`; int16 (256,)."""
        if self.label_map is None:
            table = np.arange(256, dtype=np.int16)
        else:
            table = np.full(256, UNKNOWN, dtype=np.int16)
            table[[value for value, _ in self.label_map]] = [train_id for _, train_id in self.label_map]
        if self.reduce_zero_label:
            table = np.where(table == 0, self.ignore_index, np.where(table > 0, table - 1, table))
        if self.num_classes is not None:
            table[(table >= self.num_classes) & (table != self.ignore_index)] = UNKNOWN
        table[[255, *self.ignored]] = self.ignore_index
        return table.astype(np.int16)

    @cached_property
    def _unknown(self) -> np.ndarray:
        return (self._table == UNKNOWN).astype(np.uint8)

    @cached_property
    def _identity(self) -> bool:
        return bool((np.where(self._unknown, np.arange(256), self._table) == np.arange(256)).all())

    def _expected(self) -> str:
        if self.label_map is not None:
            return f' in the label_map (which names {_listed(sorted(value for value, _ in self.label_map))})'
        return f' (0..{self.num_classes - 1} and {self.ignore_index} are expected)' if self.num_classes else ''


def label_reader(
    labels: LabelSet,
    *,
    label_map: Mapping[int, int | str] | str | None = None,
    ignore: Iterable[int] = (),
    reduce_zero_label: bool = False,
) -> LabelReader:
    """The reader for files of ``labels``.

    Args:
        labels: the classes.
        label_map: file value -> train id or class name, or the name of a table in
            :data:`mmseg.datasets.label_sets.FILE_IDS` (whose other ids are then ignored).
        ignore: file values that mean ignore, besides the label set's own.
        reduce_zero_label: value 0 is ignored and value v is class v - 1.
    """
    ignored = {*labels.ignored_values, *(int(value) for value in ignore)}
    pairs = None
    if isinstance(label_map, str):
        if label_map not in FILE_IDS:
            raise InputError(f'label_map {label_map!r} is not known; known: {", ".join(FILE_IDS)}, or a dict.')
        names, highest = FILE_IDS[label_map]
        label_map = {value: name for value, name in names.items() if name in labels.classes}
        ignored |= set(range(highest + 1)) - label_map.keys()
    if label_map is not None:
        pairs = tuple(sorted((_file_value(key), _train_id(value, labels)) for key, value in label_map.items()))
    return LabelReader(len(labels), labels.ignore_index, pairs, tuple(sorted(ignored)), reduce_zero_label)


def _file_value(key: int | str) -> int:
    if not str(key).isdigit() or int(key) > 255:
        raise InputError(f'label_map: {key!r} is no value of a label file (0..255).')
    return int(key)


def _train_id(value: int | str, labels: LabelSet) -> int:
    if isinstance(value, str):
        return labels.index(value)
    if not (0 <= value < len(labels) or value in (labels.ignore_index, 255)):
        raise InputError(f'label_map: train id {value} is neither a class (0..{len(labels) - 1}) nor ignored.')
    return labels.ignore_index if value == 255 else value


def _listed(values: list[int], most: int = 12) -> str:
    return ', '.join(map(str, values[:most])) + (', ...' if len(values) > most else '')

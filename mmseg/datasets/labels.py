"""Reading of label-map files: file values -> train ids, with every value checked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
from PIL import Image, ImageOps

from mmseg.config.label_ids import IGNORE, WIDE_IGNORE, label_dtype, usual_ignore_index
from mmseg.datasets.label_colours import ColourTable, MaskFile, codes_in, ids_of_colours, merged_masks
from mmseg.datasets.label_sets import FILE_IDS, LabelSet
from mmseg.datasets.orientation import ORIENTATION, UPRIGHT
from mmseg.errors import InputError

UNKNOWN = -1
BYTE, WIDEST = IGNORE, WIDE_IGNORE
"""The largest value of a label file of up to 255 classes, and of one of more, or that a ``label_map`` names."""
Image.MAX_IMAGE_PIXELS = 2**29  # twice as many are an error: as large as the images that OpenCV reads
LOSSY = {'jpeg', 'mpo', 'avif', 'heif', 'tiff_jpeg'}  # formats, and compressions of a TIFF
# JPEG 2000: where its code begins, the marker of its coding style, and how far behind that the kind of wavelets stands.
CODE_2000, STYLE_2000, WAVELETS = b'\xff\x4f\xff\x51', b'\xff\x52', 13
# Grey levels that a decoder makes of files of 2 and 4 bits: it spreads the ids over 0..255.
SPREAD_BITS = {'L;2': 255 // 3, 'L;4': 255 // 15}


def read_ids(path: str | Path, *, turn: bool = True, most: int = BYTE) -> np.ndarray:
    """The values of a single-channel label file as uint8 (H, W); of a palette file its indices, not its colours.

    Args:
        path: the file. Ids may be stored in 1 to 32 bits, or as floats that are whole numbers.
        turn: follow an EXIF orientation that the file has, as images do.
        most: the largest value; beyond 255 the result is int32.

    Raises:
        InputError: the file is missing, unreadable, has colour channels, was compressed with loss, or holds values that
            are no whole numbers in 0..``most``.
    """
    ids, factor = _decoded(path, np.asarray, turn=turn)
    if ids.ndim != 2:
        raise InputError(f'Label map {str(path)!r} has {ids.shape[-1]} channels{_about_channels(ids)}')
    found = _whole_numbers(ids, path, most)
    return found // factor if factor > 1 else found


def read_codes(path: str | Path, *, turn: bool = True) -> np.ndarray:
    """The colours of a label image as red * 65536 + green * 256 + blue, int32 (H, W).

    Raises:
        InputError: as :func:`read_ids`.
    """
    return _decoded(path, codes_in, turn=turn)[0]


def shows_colours(path: str | Path) -> bool:
    """Whether a label file has several channels that differ, or are black and white; False if it cannot be read."""
    try:
        values, _ = _decoded(path, np.asarray, turn=False)
    except InputError:
        return False
    if values.ndim != 3 or values.shape[2] < 3:
        return False
    return bool((values[..., :3] != values[..., :1]).any() or np.isin(values[..., 0], (0, 255)).all())


def _decoded(path: str | Path, take: Callable[[Any], np.ndarray], *, turn: bool) -> tuple[np.ndarray, int]:
    """What ``take`` makes of the opened label file, and by how much its decoder spreads ids of few bits.

    Raises:
        InputError: the file is missing, unreadable, or was compressed with loss.
    """
    try:
        with Image.open(path) as file:
            lossy = {str(file.format).lower(), file.info.get('compression')} & LOSSY
            if file.format == 'JPEG2000' and _rounds(Path(path).read_bytes()):
                lossy = {'jpeg'}
            factor = SPREAD_BITS.get(_raw_mode(file), 1)
            ids = take(file)
            if turn and file.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT:
                ids = take(ImageOps.exif_transpose(file))
    except FileNotFoundError:
        raise InputError(f'Label map {str(path)!r} does not exist.') from None
    except Exception as error:  # a damaged file can fail anywhere in the decoder
        raise InputError(f'Label map {str(path)!r} cannot be read ({error}). Is the file complete?') from error
    if lossy:
        raise InputError(
            f'Label map {str(path)!r} is compressed as {"AVIF" if "avif" in lossy else "JPEG"}, which changes ids at '
            'every edge. Save the labels without loss, as PNG; ids that went through it cannot be restored.'
        )
    return ids, factor


def _rounds(content: bytes) -> bool:
    """Whether a JPEG 2000 file was made with the wavelets whose numbers are rounded (ISO/IEC 15444-1, table A.20)."""
    style = content.find(STYLE_2000, content.find(CODE_2000))
    return style >= 0 and content[style + WAVELETS : style + WAVELETS + 1] == b'\0'


def _raw_mode(file: Any) -> str:
    """How the pixels are stored, in Pillow's words: 'L;4' is grey of 4 bits. Known before they are decoded."""
    arguments = file.tile[0][3] if getattr(file, 'tile', None) else ''
    return arguments if isinstance(arguments, str) else str(arguments[0] if arguments else '')


def _about_channels(ids: np.ndarray) -> str:
    """What a file (H, W, C) seems to hold, and what to do about it."""
    if (ids[..., :3] == ids[..., :1]).all():
        return ', which are all the same. Convert the files to one channel: Image.open(file).getchannel(0).save(file)'
    others = ids[..., 1:].reshape(-1, ids.shape[-1] - 1)
    if len(np.unique(ids[..., 0])) > 1 and (others == others[:1]).all():
        return (
            ': the ids seem to be in the red channel alone, as CARLA stores them. '
            'Convert the files to one channel: Image.open(file).getchannel(0).save(file)'
        )
    return (
        ': it shows colours, and class ids are read from one channel. Give the data set the class of each colour: '
        "label_colors=[dict(color=[255, 255, 255], name='building'), ...]."
    )


def _whole_numbers(ids: np.ndarray, path: str | Path, most: int) -> np.ndarray:
    if ids.dtype.kind == 'f' and not (np.isfinite(ids).all() and (ids == np.rint(ids)).all()):
        wrong = ids[~np.isfinite(ids) | (ids != np.rint(ids))].flat[0]
        raise InputError(
            f'Label map {str(path)!r} holds {wrong}, which is no class id: ids are whole numbers. '
            'Are these probabilities, or labels that were resized with interpolation?'
        )
    if ids.dtype != np.uint8 and (ids.min() < 0 or ids.max() > most):
        raise InputError(
            f'Label map {str(path)!r} ({ids.dtype}) holds values from {ids.min()} to {ids.max()}; class ids lie in '
            f'0..{most}. Is it a map of instances? Ids of classes up to {WIDEST} can be named in a label_map of the '
            'data set; others have to be converted.'
        )
    return ids.astype(np.uint8 if most <= BYTE else np.int32, copy=False)


@dataclass(frozen=True)
class LabelReader:
    """Reads label files as train ids.

    Args:
        num_classes: valid train ids are below this; None accepts every value.
        ignore_index: train id of ignored pixels. The values ``ignored`` and 255 (or 65535, where 255 is the id of a
            class; unless ``label_map`` names it) are read as this.
        label_map: file value -> train id; with it, a value that it does not name is an error.
        ignored: file values that mean ignore.
        reduce_zero_label: value 0 is ignored and value v is class v - 1.
        turn: follow the EXIF orientation of a file; has no effect on what values mean.
        colours: the files show classes as these colours.
        masks: every class is a file of its own; the path of the first one stands for all of them.
        mask_rest: train id of pixels in no mask.
        mask_roots: folders of the first class's files.
    """

    num_classes: int | None = None
    ignore_index: int = 255
    label_map: tuple[tuple[int, int], ...] | None = None
    ignored: tuple[int, ...] = ()
    reduce_zero_label: bool = False
    turn: bool = field(default=True, repr=False)
    colours: ColourTable | None = field(default=None, repr=False)
    masks: tuple[MaskFile, ...] = field(default=(), repr=False)
    mask_rest: int = field(default=255, repr=False)
    mask_roots: tuple[str, ...] = field(default=(), repr=False)

    @property
    def meaning(self) -> str:
        """What values mean, as text to compare with: the same for readers that read the same ids from a file."""
        forms = f', colours {self.colours}' if self.colours else ''
        forms += f', masks {self.masks}, else {self.mask_rest}' if self.masks else ''
        mapped = self._maps(255) and self._table[255] != self.ignore_index
        return f'{self!r}{", 255 is a class" if mapped else ""}{forms}'

    def files_of(self, path: str | Path) -> list[Path]:
        """The files that one label map consists of."""
        if not self.masks:
            return [Path(path)]
        root = next(root for root in self.mask_roots if Path(path).is_relative_to(root))
        stem = Path(path).relative_to(root).as_posix().removesuffix(self.masks[0].suffix)
        return [
            folder / f'{stem}{mask.suffix}' for folder, mask in zip(self.mask_folders(root), self.masks, strict=True)
        ]

    def mask_folders(self, root: str) -> list[Path]:
        """Where the files of each class lie; ``root`` is the folder of the first class's."""
        first = Path(self.masks[0].folder)
        above = Path(root)
        for _ in () if first.is_absolute() else first.parts:
            above = above.parent
        return [above / mask.folder for mask in self.masks]

    def __call__(self, path: str | Path) -> np.ndarray:
        """The train ids in ``path``, (H, W): uint8, or uint16 where ``ignore_index`` is beyond 255.

        Raises:
            InputError: as :func:`read_ids`, or a value is neither a class nor ignored.
        """
        if self.masks:
            ids_of = [(mask.train_id, file) for mask, file in zip(self.masks, self.files_of(path), strict=True)]
            read = [(file, train_id, read_ids(file, turn=self.turn)) for train_id, file in ids_of]
            return merged_masks(read, self.mask_rest, self._dtype)
        if self.colours is not None:
            return ids_of_colours(read_codes(path, turn=self.turn), self.colours, path, self._dtype)
        ids = read_ids(path, turn=self.turn, most=self._most)
        if self._most > BYTE:
            return self._of_wide(ids, path)
        if self._identity and not self._unknown.any():
            return ids
        if cv2.countNonZero(cv2.LUT(ids, self._unknown)):
            self._refuse(ids, path)
        return ids if self._identity else cv2.LUT(ids, self._table.astype(np.uint8))

    def _of_wide(self, ids: np.ndarray, path: str | Path) -> np.ndarray:
        """Train ids of values beyond 255."""
        found = self._table[ids]
        if (found == UNKNOWN).any():
            self._refuse(ids, path)
        return found.astype(self._dtype)

    def _refuse(self, ids: np.ndarray, path: str | Path) -> NoReturn:
        values = [int(value) for value in np.unique(ids) if self._unknown[value]]
        raise InputError(
            f'Label map {str(path)!r} holds the values {_listed(values)}, which are no class'
            f'{self._expected()}. {self._remedy(values)}'
        )

    @cached_property
    def _most(self) -> int:
        """The largest value that a file may hold: beyond 255 only of more classes, or where the config names such."""
        named = [*self.ignored, *(value for value, _ in self.label_map or ()), self.ignore_index, self._empty]
        return WIDEST if max(named) > BYTE else BYTE

    @property
    def _empty(self) -> int:
        """The file value that means ignored unless the config names it: 255, or 65535 where that is an id."""
        return usual_ignore_index((self.num_classes or 0) + self.reduce_zero_label)

    @property
    def _dtype(self) -> np.dtype:
        """Of label maps."""
        return label_dtype(self.ignore_index)

    @cached_property
    def _table(self) -> np.ndarray:
        """File value -> train id, or :data:`UNKNOWN`; int16 (256,), or int32 (65536,) for wide values."""
        kind: Any = np.int16 if self._most == BYTE else np.int32
        if self.label_map is None:
            table = np.arange(self._most + 1, dtype=kind)
        else:
            table = np.full(self._most + 1, UNKNOWN, dtype=kind)
            table[[value for value, _ in self.label_map]] = [train_id for _, train_id in self.label_map]
        if self.reduce_zero_label:
            table = np.where(table == 0, self.ignore_index, np.where(table > 0, table - 1, table))
        if self.num_classes is not None:
            table[(table >= self.num_classes) & (table != self.ignore_index)] = UNKNOWN
        table[[*self.ignored, *(() if self._maps(self._empty) else (self._empty,))]] = self.ignore_index
        return table.astype(kind)

    @cached_property
    def _unknown(self) -> np.ndarray:
        return (self._table == UNKNOWN).astype(np.uint8)

    @cached_property
    def _identity(self) -> bool:
        return bool((np.where(self._unknown, np.arange(256), self._table) == np.arange(256)).all())

    def _maps(self, value: int) -> bool:
        return self.label_map is not None and any(named == value for named, _ in self.label_map)

    def _remedy(self, values: list[int]) -> str:
        if self.label_map is None and not self.reduce_zero_label and values == [self.num_classes]:
            return (
                f'If the ids run from 1 to {self.num_classes} (0 is no data), give the data set '
                'reduce_zero_label=True; else convert the labels, or give it a label_map.'
            )
        return 'Convert the labels, give the data set a label_map, or list values to leave out under ignore.'

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
    left_out = {_file_value(value, 'ignore') for value in ignore}
    ignored = {*labels.ignored_values, *left_out}
    pairs = None
    if isinstance(label_map, str):
        if label_map not in FILE_IDS:
            raise InputError(f'label_map {label_map!r} is not known; known: {", ".join(FILE_IDS)}, or a dict.')
        names, highest = FILE_IDS[label_map]
        label_map = {value: name for value, name in names.items() if name in labels.classes}
        ignored |= set(range(highest + 1)) - label_map.keys()
    if label_map is not None:
        pairs = tuple(
            sorted((_file_value(key, 'label_map'), _train_id(value, labels)) for key, value in label_map.items())
        )
        if len({value for value, _ in pairs}) < len(pairs):
            raise InputError(f'label_map={dict(label_map)} names a value of the files twice.')
        named = {value for value, train_id in pairs if train_id != labels.ignore_index}
        if named & left_out:
            raise InputError(
                f'label_map and ignore both name {_listed(sorted(named & left_out))}: keep one of the two.'
            )
        ignored -= named  # what the config says of a value counts more than what the label set does
    return LabelReader(len(labels), labels.ignore_index, pairs, tuple(sorted(ignored)), reduce_zero_label)


def _file_value(key: int | str, setting: str) -> int:
    text = str(key)
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= WIDEST):
        raise InputError(f'{setting}: {key!r} is no value of a label file (0..{WIDEST}).')
    return int(text)


def _train_id(value: int | str, labels: LabelSet) -> int:
    if isinstance(value, str):
        return labels.index(value)
    if not (0 <= value < len(labels) or value in (labels.ignore_index, usual_ignore_index(len(labels)))):
        raise InputError(f'label_map: train id {value} is neither a class (0..{len(labels) - 1}) nor ignored.')
    return value if value < len(labels) else labels.ignore_index


def _listed(values: list[int], most: int = 12) -> str:
    return ', '.join(map(str, values[:most])) + (', ...' if len(values) > most else '')

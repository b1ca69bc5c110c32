"""What a label value means: classes, colours, what is ignored. The one place where a data set's classes are listed."""

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from mmseg.config.label_ids import WIDE_IGNORE, label_dtype, usual_ignore_index
from mmseg.config.names import unfit_as_name
from mmseg.config.values import fits, shown
from mmseg.datasets.text_files import lines_of
from mmseg.errors import InputError, nearest
from mmseg.places import with_home
from mmseg.registry import check_arguments

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class LabelSet:
    """The classes of a label map: train id i is ``classes[i]``, drawn in ``palette[i]`` (RGB, 0..255).

    Args:
        name: what messages call it.
        classes: class names in train-id order.
        palette: one colour a class; distinct ones are made up when it is empty.
        ignore_index: train id of pixels that neither train nor count; as default 255, of more than 255 classes 65535
            (label maps then have 16 bits).
        thing_classes: names of the countable classes; :attr:`thing_ids` are what ``imnet_feature_dist_classes`` wants.
        subsets: classes to average over in further means, such as ``{'mIoU16': (...)}``.
        ignored_values: values in label files that mean ignore, besides ``ignore_index`` and the default of that.
    """

    name: str
    classes: tuple[str, ...]
    palette: tuple[Colour, ...] = ()
    ignore_index: int = None  # type: ignore[assignment]  # a number once it is made
    thing_classes: tuple[str, ...] = ()
    subsets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignored_values: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        classes = tuple(self.classes)
        if len(classes) > WIDE_IGNORE:
            raise InputError(
                f'Label set {self.name!r} has {len(classes)} classes; label maps hold at most {WIDE_IGNORE}.'
            )
        palette = tuple((int(r), int(g), int(b)) for r, g, b in self.palette) or distinct_colours(len(classes))
        subsets = {key: tuple(names) for key, names in self.subsets.items()}
        things, ignored = tuple(self.thing_classes), tuple(self.ignored_values)
        ignore_index = usual_ignore_index(len(classes)) if self.ignore_index is None else self.ignore_index
        normal = {'classes': classes, 'palette': palette, 'subsets': subsets, 'ignore_index': ignore_index}
        for key, value in {**normal, 'thing_classes': things, 'ignored_values': ignored}.items():
            object.__setattr__(self, key, value)
        if not classes or len(set(classes)) != len(classes):
            raise InputError(f'Label set {self.name!r} needs class names, each once; it has {list(classes)}.')
        for key in classes:
            if reason := unfit_as_name(key) if isinstance(key, str) else 'it has to be a text':
                raise InputError(f'Label set {self.name!r}: class {key!r} cannot be part of a file name: {reason}.')
        if not len(classes) <= self.ignore_index <= WIDE_IGNORE:
            raise InputError(
                f'Label set {self.name!r}: ignore_index={self.ignore_index} has to be in '
                f'{len(classes)}..{WIDE_IGNORE}; below are the train ids of its {len(classes)} classes.'
            )
        if any(not 0 <= part <= 255 for colour in palette for part in colour):
            raise InputError(f'Label set {self.name!r}: the colours of a palette are RGB in 0..255, not {palette}.')
        if any(not 0 <= value <= WIDE_IGNORE for value in ignored):
            raise InputError(f'Label set {self.name!r}: ignored_values={list(ignored)} have to be in 0..{WIDE_IGNORE}.')
        if len(palette) != len(classes):
            raise InputError(f'Label set {self.name!r} has {len(classes)} classes but {len(palette)} palette colours.')
        for name in (*self.thing_classes, *(name for names in subsets.values() for name in names)):
            self.index(name)

    def __len__(self) -> int:
        return len(self.classes)

    def index(self, name: str) -> int:
        """Train id of the class ``name``."""
        if name not in self.classes:
            raise InputError(f'Label set {self.name!r} has no class {name!r}.{nearest(name, self.classes)}')
        return self.classes.index(name)

    @property
    def thing_ids(self) -> tuple[int, ...]:
        """Train ids of the thing classes, ascending."""
        return tuple(sorted(self.index(name) for name in self.thing_classes))

    def table(self, file_ids: Mapping[int, str]) -> np.ndarray:
        """File id -> train id as an array of 256; ids without a class become ``ignore_index``."""
        table = np.full(256, self.ignore_index, dtype=label_dtype(self.ignore_index))
        for file_id, name in file_ids.items():
            table[file_id] = self.index(name)
        return table

    def subset(self, classes: Sequence[str]) -> 'LabelSet':
        """The label set of some of these classes, in the order given."""
        chosen = tuple(classes)
        usual = self.ignore_index == usual_ignore_index(len(self))
        return replace(
            self,
            classes=chosen,
            palette=tuple(self.palette[self.index(name)] for name in chosen),
            ignore_index=usual_ignore_index(len(chosen)) if usual else self.ignore_index,
            thing_classes=tuple(name for name in self.thing_classes if name in chosen),
            subsets={key: names for key, names in self.subsets.items() if set(names) <= set(chosen)},
        )


def distinct_colours(count: int) -> tuple[Colour, ...]:
    """``count`` colours, always the same ones: hues by the golden ratio, two brightnesses, paler after each 256."""
    colours = (
        colorsys.hsv_to_rgb(index * 0.61803398875 % 1, 0.75 - 0.09 * (index // 256 % 8), 0.6 if index % 2 else 0.95)
        for index in range(count)
    )
    return tuple((round(r * 255), round(g * 255), round(b * 255)) for r, g, b in colours)


CITYSCAPES19 = LabelSet(
    name='cityscapes19',
    classes=(
        'road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign', 'vegetation',
        'terrain', 'sky', 'person', 'rider', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle',
    ),
    palette=(
        (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153),
        (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60),
        (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ),
    thing_classes=(
        'traffic light', 'traffic sign', 'person', 'rider', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle',
    ),
    subsets={
        'mIoU16': (
            'road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign', 'vegetation',
            'sky', 'person', 'rider', 'car', 'bus', 'motorcycle', 'bicycle',
        ),
        'mIoU13': (
            'road', 'sidewalk', 'building', 'traffic light', 'traffic sign', 'vegetation', 'sky', 'person', 'rider',
            'car', 'bus', 'motorcycle', 'bicycle',
        ),
    },
)  # fmt: skip

CAMVID11 = LabelSet(
    name='camvid11',
    classes=(
        'sky', 'building', 'pole', 'road', 'sidewalk', 'tree', 'signsymbol', 'fence', 'car', 'pedestrian', 'bicyclist',
    ),
    palette=(
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0),
        (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
    ),
    thing_classes=('signsymbol', 'car', 'pedestrian', 'bicyclist'),
    ignored_values=(11,),
)  # fmt: skip

CITYSCAPES_IDS = {
    7: 'road', 8: 'sidewalk', 11: 'building', 12: 'wall', 13: 'fence', 17: 'pole', 19: 'traffic light',
    20: 'traffic sign', 21: 'vegetation', 22: 'terrain', 23: 'sky', 24: 'person', 25: 'rider', 26: 'car', 27: 'truck',
    28: 'bus', 31: 'train', 32: 'motorcycle', 33: 'bicycle',
}  # fmt: skip
"""Label ids of Cityscapes, GTA and KITTI files -> class; the other ids (up to 34, and -1) are not evaluated."""

SYNTHIA_IDS = {
    1: 'sky', 2: 'building', 3: 'road', 4: 'sidewalk', 5: 'fence', 6: 'vegetation', 7: 'pole', 8: 'car',
    9: 'traffic sign', 10: 'person', 11: 'bicycle', 12: 'motorcycle', 15: 'traffic light', 16: 'terrain', 17: 'rider',
    18: 'truck', 19: 'bus', 20: 'train', 21: 'wall',
}  # fmt: skip
"""Class ids of SYNTHIA-RAND-CITYSCAPES (0..22) -> class; void, parking slot, road work and lane marking are ignored."""

MAPILLARY_IDS = {
    13: 'road', 7: 'road', 8: 'road', 14: 'road', 23: 'road', 24: 'road', 36: 'road', 41: 'road', 43: 'road',
    15: 'sidewalk', 2: 'sidewalk', 9: 'sidewalk', 11: 'sidewalk',
    17: 'building', 6: 'wall', 3: 'fence', 45: 'pole', 47: 'pole', 48: 'traffic light', 50: 'traffic sign',
    30: 'vegetation', 29: 'terrain', 26: 'terrain', 27: 'sky', 19: 'person', 20: 'rider', 21: 'rider', 22: 'rider',
    55: 'car', 61: 'truck', 54: 'bus', 58: 'train', 57: 'motorcycle', 52: 'bicycle',
}  # fmt: skip
"""Ids of Mapillary Vistas 1.2 (0..65) -> classes of Cityscapes by its definitions: a choice of ours, as there is no
official one. Road has bike, crosswalk, service and marked lanes, manholes, potholes and catch basins; sidewalk has
curbs, curb cuts and pedestrian areas; terrain has sand; train is 'on rails'. Bridges, barriers, parking, street lights,
backs and frames of signs, caravans, trailers and the rest are ignored."""

WILDDASH_IDS = CITYSCAPES_IDS | {34: 'car', 35: 'truck'}
"""Ids of WildDash 2: those of Cityscapes, van and pickup by its definitions; 36..38 (street light, billboard, ego
vehicle) are ignored."""

FILE_IDS = {
    'cityscapes': (CITYSCAPES_IDS, 34),
    'synthia': (SYNTHIA_IDS, 22),
    'mapillary': (MAPILLARY_IDS, 65),
    'wilddash': (WILDDASH_IDS, 38),
}
"""Tables that a config's ``label_map`` may name: (file id -> class, highest id a file may hold)."""


def known_label_sets() -> dict[str, LabelSet]:
    """The label sets that a config may name."""
    from mmseg.datasets.published_labels import PUBLISHED  # noqa: PLC0415 (it is made of what this file defines)

    return {labels.name: labels for labels in (CITYSCAPES19, CAMVID11, *PUBLISHED)}


def label_set_of(spec: 'LabelSet | str | Mapping') -> LabelSet:
    """A label set by itself, by its name in :func:`known_label_sets`, or by the arguments of :class:`LabelSet`."""
    if isinstance(spec, LabelSet):
        return spec
    if isinstance(spec, str):
        sets = known_label_sets()
        if spec.lower() not in sets:
            known = ', '.join(sets)
            raise InputError(f'{spec!r} is not a known label set.{nearest(spec.lower(), sets)} Known: {known}.')
        return sets[spec.lower()]
    names = {item.name for item in fields(LabelSet)}
    for key in spec.keys() - names:
        raise InputError(f'A label set has no key {key!r}.{nearest(str(key), names)}')
    check_arguments(LabelSet, spec)
    if 'classes' not in spec:
        raise InputError(f'A label set needs classes (a list of names); {shown(dict(spec))} has none.')
    return LabelSet(**{'name': 'own', **spec})


def class_names(classes: str | Sequence[str]) -> tuple[str, ...]:
    """Class names as given, or read from a text file with one name a line."""
    if not isinstance(classes, str):
        if not fits(classes, Sequence[str]):
            raise InputError(f'classes has to be a list of names, or a text file of them, not {shown(classes)}.')
        return tuple(classes)
    file = with_home(classes)
    if not Path(file).is_file():
        raise InputError(f'The file of class names {file!r} does not exist.')
    return tuple(lines_of(file, 'The file of class names'))


def palette_named(name: str) -> tuple[tuple[int, int, int], ...]:
    """The colours of the label set ``name``, with or without its number of classes: cityscapes, camvid11.

    Raises:
        InputError: there is none.
    """
    sets = known_label_sets()
    for known, label_set in sets.items():
        if name.lower() in (known, known.rstrip('0123456789')):
            return label_set.palette
    raise InputError(f'There is no palette {name!r}.{nearest(name, sets)} Known: {", ".join(sets)}.')

"""What the servers of benchmarks take: a zip of one PNG of ids an image, named after it."""

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import cv2
import numpy as np

from mmseg.datasets.label_sets import CITYSCAPES19, CITYSCAPES_IDS
from mmseg.errors import InputError

TRAIN_IDS = tuple(range(len(CITYSCAPES19)))
LABEL_IDS = tuple(sorted(CITYSCAPES_IDS))
LISTED = 5
IDS, CONFIDENCE = 'labelTrainIds', 'confidence'
"""Folders of a zip that has confidences too."""
MOST = 65535
"""A confidence of 1 in a confidence map."""


@dataclass(frozen=True)
class Benchmark:
    """Rules of a server.

    Attributes:
        count: test images.
        size: (width, height) of each.
        name: pattern of the name of a result.
        label_ids: whether results hold the ids of label files (7 = road), instead of train ids (0 = road).
        confidence: whether it also scores how sure a result is: PNGs of 16 bits.
    """

    count: int
    size: tuple[int, int]
    name: str
    label_ids: bool
    confidence: bool = False

    @property
    def ids(self) -> tuple[int, ...]:
        """What a result may hold."""
        return LABEL_IDS if self.label_ids else TRAIN_IDS

    def encoded(self, label_map: np.ndarray) -> np.ndarray:
        """Train ids (H, W) as the server wants them, uint8.

        Raises:
            InputError: one of them is none of a class: a network may have more outputs.
        """
        if label_map.max(initial=0) >= len(TRAIN_IDS):
            raise InputError(
                f'The network predicts the output {label_map.max()}, which is none of the {len(TRAIN_IDS)} classes of '
                'this benchmark: take one with as many outputs (model.decode_head.num_classes).'
            )
        if not self.label_ids:
            return label_map.astype(np.uint8)
        table = np.array([_label_id(name) for name in CITYSCAPES19.classes], np.uint8)
        return table[label_map]


BENCHMARKS: Mapping[str, Benchmark] = {
    'cityscapes': Benchmark(1525, (2048, 1024), r'[a-z]+_\d{6}_\d{6}\w*\.png', label_ids=True),
    'acdc': Benchmark(2000, (1920, 1080), r'\w+_rgb_anon\.png', label_ids=False, confidence=True),
    'dark_zurich': Benchmark(151, (1920, 1080), r'\w+_rgb_anon\.png', label_ids=False, confidence=True),
    'bdd100k': Benchmark(2000, (1280, 720), r'[0-9a-f]{8}-[0-9a-f]{8}\.png', label_ids=False),
}


def _label_id(name: str) -> int:
    return next(label_id for label_id, known in CITYSCAPES_IDS.items() if known == name)


def as_confidence(probability: np.ndarray) -> np.ndarray:
    """Probabilities of the chosen classes, 0..1 (H, W), as a confidence map, uint16."""
    return np.rint(probability * MOST).astype(np.uint16)


def check_zip(path: object, benchmark: Benchmark) -> None:
    """Refuse a zip that the server would not take, or that would be scored wrongly.

    Raises:
        InputError: names, number, sizes or ids of its files are wrong; names the first.
    """
    seen: dict[str, dict[str, str]] = {IDS: {}, CONFIDENCE: {}}
    for name, content in _files(path):
        place = PurePosixPath(name)
        kind = CONFIDENCE if benchmark.confidence and place.parent.name == CONFIDENCE else IDS
        if not re.fullmatch(benchmark.name, place.name):
            raise InputError(f'{path}: {name} is not named as a result of this benchmark ({benchmark.name}).')
        if place.name in seen[kind]:
            raise InputError(f'{path}: {seen[kind][place.name]} and {name} are results of one image.')
        seen[kind][place.name] = name
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        bits = 8 if kind == IDS else 16
        if picture is None or picture.ndim != 2 or 8 * picture.itemsize != bits:
            raise InputError(f'{path}: {name} is no PNG of one channel of {bits} bits.')
        if picture.shape[::-1] != benchmark.size:
            sizes = ['x'.join(map(str, size)) for size in (picture.shape[::-1], benchmark.size)]
            raise InputError(f'{path}: {name} is {sizes[0]}; results of this benchmark are {sizes[1]} pixels.')
        if kind == IDS:
            _check_ids(f'{path}: {name}', picture, benchmark)
    _check_number(path, seen, benchmark)


def _check_ids(where: str, picture: np.ndarray, benchmark: Benchmark) -> None:
    foreign = sorted(set(np.unique(picture).tolist()) - set(benchmark.ids))
    if foreign:
        kind = 'label ids (7 = road); these look like train ids' if benchmark.label_ids else 'train ids (0 = road)'
        raise InputError(f'{where} holds the ids {foreign[:LISTED]}, but this benchmark takes {kind}.')


def _check_number(path: object, seen: Mapping[str, Mapping[str, str]], benchmark: Benchmark) -> None:
    if len(seen[IDS]) != benchmark.count:
        raise InputError(f'{path} holds {len(seen[IDS])} results; this benchmark has {benchmark.count} test images.')
    alone = sorted(seen[IDS].keys() ^ seen[CONFIDENCE].keys())
    if seen[CONFIDENCE] and alone:
        raise InputError(f'{path}: {alone[0]} has either ids or a confidence map, not both ({len(alone)} such images).')


def _files(path: object) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(str(path)) as file:
            for entry in file.infolist():
                if not entry.is_dir():
                    yield entry.filename, file.read(entry)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f'{path} is no zip that can be read: {error}.') from None

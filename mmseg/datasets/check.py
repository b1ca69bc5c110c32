"""Is a data set usable? A look at a few pairs when it is built, or at all of them on demand."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from mmseg.datasets.labels import LabelReader
from mmseg.datasets.orientation import SIDEWAYS, UPRIGHT, orientation
from mmseg.datasets.pipelines.loading import size_mismatch
from mmseg.datasets.tiff import tiff_header
from mmseg.errors import InputError
from mmseg.progress import progress_bar

QUICK_PAIRS = 16
QUICK_LABELS = 3


class Pairs(Protocol):
    """What is checked: images with label maps."""

    def __len__(self) -> int: ...
    def image_path(self, index: int) -> Path: ...
    def label_path(self, index: int) -> Path: ...
    def image_of(self, index: int) -> np.ndarray: ...
    def label_of(self, index: int) -> np.ndarray: ...
    @property
    def labelled(self) -> bool: ...
    @property
    def reader(self) -> LabelReader: ...


def quick_check(pairs: Pairs) -> None:
    """Compare sizes of 16 pairs spread over the data set, from the file headers, and read 3 label maps.

    Warns of an image that is turned while its label map is not.

    Raises:
        InputError: names every problem found.
    """
    sizes = spread(len(pairs), QUICK_PAIRS)
    _report(problems(pairs, sizes=sizes, labels=spread(len(pairs), QUICK_LABELS)))
    _warn_of_turned_images(pairs, sizes)


def _warn_of_turned_images(pairs: Pairs, indices: Iterable[int]) -> None:
    """Say so where only the image notes an orientation: sizes do not tell which of the two a label was drawn on."""
    for index in indices if pairs.reader.turn else ():
        image, label = pairs.image_path(index), pairs.label_path(index)
        noted = orientation(image)
        if noted != UPRIGHT and orientation(label) == UPRIGHT:
            print_log(
                f'Image {str(image)!r} is turned, as its EXIF orientation ({noted}) says; its label map {str(label)!r} '
                'notes none and is read as it is. If it was drawn on the pixels as they are stored, set '
                "color_type='color_ignore_orientation' in LoadImageFromFile, in all pipelines.",
                'current',
                level=logging.WARNING,
            )
            return


def full_check(pairs: Pairs, *, title: str = '') -> None:
    """Decode every image, and every label map if there are some, with a progress bar called ``title``.

    Raises:
        InputError: names every problem found.
    """
    everything = range(len(pairs))
    labels = everything if pairs.labelled else ()
    with progress_bar(everything, desc=title, unit='image') as bar:
        _report(problems(pairs, sizes=labels, labels=labels, images=bar))


def problems(
    pairs: Pairs, *, sizes: Iterable[int] = (), labels: Iterable[int] = (), images: Iterable[int] = ()
) -> list[str]:
    """What is wrong with the pairs of these indices: differing sizes, unreadable or unusable label maps and images."""
    found = []
    for index in sizes:
        image, label = pairs.image_path(index), pairs.label_path(index)
        try:
            if header_size(image, turn=pairs.reader.turn) != header_size(label, turn=pairs.reader.turn):
                found += _differing_sizes(pairs, index)
        except InputError as error:
            found.append(str(error))
    for indices, read in ((labels, pairs.label_of), (images, pairs.image_of)):
        for index in indices:
            try:
                read(index)
            except InputError as error:
                found.append(str(error))
    return list(dict.fromkeys(found))


def _differing_sizes(pairs: Pairs, index: int) -> list[str]:
    """The sentence about a pair whose headers differ, if the pixels do too."""
    image, label = pairs.image_path(index), pairs.label_path(index)
    seen = pairs.image_of(index).shape[1::-1]
    labelled = pairs.label_of(index).shape[::-1]
    if seen == labelled:
        return []
    told = size_mismatch(image, seen, label, labelled)
    if pairs.reader.turn and seen[::-1] == labelled and orientation(image) != UPRIGHT:
        told += (
            ' The image is turned, as its EXIF says: with '
            "color_type='color_ignore_orientation' in LoadImageFromFile, in all pipelines, the two fit."
        )
    return [told]


def header_size(path: Path, *, turn: bool) -> tuple[int, int]:
    """(width, height) of an image file, from its header; ``turn``: as its EXIF orientation says."""
    try:
        with Image.open(path) as file:
            size = file.size
    except (OSError, SyntaxError, ValueError) as error:
        header = tiff_header(path)
        if header is not None:  # of bands and depths that Pillow does not know
            return header.size
        raise InputError(f'{str(path)!r} cannot be read as an image ({error}).') from error
    return size[::-1] if turn and orientation(path) in SIDEWAYS else size


def spread(length: int, count: int) -> list[int]:
    """Up to ``count`` of the numbers below ``length``, from the first to the last."""
    return sorted({round(place) for place in np.linspace(0, length - 1, min(count, length))})


def _report(found: list[str]) -> None:
    if found:
        raise InputError('\n'.join(found))

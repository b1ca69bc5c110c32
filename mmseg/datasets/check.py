"""Is a data set usable? A look at a few pairs when it is built, or at all of them on demand."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image
from tqdm import tqdm

from mmseg.datasets.pipelines.loading import read_image, size_mismatch
from mmseg.errors import InputError

QUICK_PAIRS = 16
QUICK_LABELS = 3


class Pairs(Protocol):
    """What is checked: images with label maps."""

    def __len__(self) -> int: ...
    def image_path(self, index: int) -> Path: ...
    def label_path(self, index: int) -> Path: ...
    def label_of(self, index: int) -> np.ndarray: ...
    @property
    def labelled(self) -> bool: ...


def quick_check(pairs: Pairs) -> None:
    """Compare sizes of 16 pairs spread over the data set, from the file headers, and read 3 label maps.

    Raises:
        InputError: names every problem found.
    """
    _report(problems(pairs, sizes=_spread(len(pairs), QUICK_PAIRS), labels=_spread(len(pairs), QUICK_LABELS)))


def full_check(pairs: Pairs, *, title: str = '') -> None:
    """Decode every image, and every label map if there are some, with a progress bar called ``title``.

    Raises:
        InputError: names every problem found.
    """
    everything = range(len(pairs))
    labels = everything if pairs.labelled else ()
    with tqdm(everything, desc=title, unit='image') as bar:
        _report(problems(pairs, sizes=labels, labels=labels, images=bar))


def problems(
    pairs: Pairs, *, sizes: Iterable[int] = (), labels: Iterable[int] = (), images: Iterable[int] = ()
) -> list[str]:
    """What is wrong with the pairs of these indices: differing sizes, unreadable or unusable label maps and images."""
    found = []
    for index in sizes:
        image, label = pairs.image_path(index), pairs.label_path(index)
        try:
            if header_size(image) != header_size(label):
                found.append(size_mismatch(image, header_size(image), label, header_size(label)))
        except InputError as error:
            found.append(str(error))
    for indices, read in ((labels, pairs.label_of), (images, lambda index: read_image(pairs.image_path(index)))):
        for index in indices:
            try:
                read(index)
            except InputError as error:
                found.append(str(error))
    return list(dict.fromkeys(found))


def header_size(path: Path) -> tuple[int, int]:
    """(width, height) of an image file, from its header."""
    try:
        with Image.open(path) as file:
            return file.size
    except OSError as error:
        raise InputError(f'{str(path)!r} cannot be read as an image ({error}).') from error


def _spread(length: int, count: int) -> list[int]:
    return sorted({round(place) for place in np.linspace(0, length - 1, min(count, length))})


def _report(found: list[str]) -> None:
    if found:
        raise InputError('\n'.join(found))

"""How the names of images and of their label maps hang together."""

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mmseg.datasets.files import walk
from mmseg.errors import InputError
from mmseg.prediction.sources import IMAGE_SUFFIXES

TRIED = 20
BOUNDARIES = '._-'


class Naming(NamedTuple):
    """An image is ``<name><img_suffix>``, its label map ``<name><seg_map_suffix>``; ``names`` are those of the images.

    ``others`` counts image files whose name ends otherwise, by suffix; they are left out.
    """

    names: list[str]
    img_suffix: str
    seg_map_suffix: str
    others: dict[str, int]


def image_files(folder: Path) -> list[str]:
    """Images below ``folder`` by their relative POSIX path, sorted; hidden ones are left out.

    Raises:
        InputError: no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise InputError(f'Image folder {folder} does not exist.')
    found = sorted(name for name in walk(folder) if _is_image(name))
    if not found:
        raise InputError(f'Image folder {folder} holds no images ({", ".join(sorted(IMAGE_SUFFIXES))}).')
    return found


def suffix_naming(images: Sequence[str]) -> Naming:
    """The naming of images without labels: the most frequent suffix."""
    counts = Counter(PurePosixPath(name).suffix for name in images)
    suffix, _ = counts.most_common(1)[0]
    others = {other: count for other, count in counts.items() if other != suffix}
    return Naming([name for name in images if name.endswith(suffix)], suffix, '', others)


def paired_naming(images: Sequence[str], labels: Sequence[str], *, where: tuple[Path, Path]) -> Naming:
    """The pair of suffixes under which most images have a label map.

    Args:
        images: relative names of the images.
        labels: relative names of the label files.
        where: folders of the two, for messages.

    Raises:
        InputError: the names do not pair.
    """
    same_folder = where[0].resolve() == where[1].resolve()
    pairs = _candidates(images, labels, same_folder)
    present = set(labels)

    def matched(pair: tuple[str, str]) -> list[str]:
        names = (name for name in images if name.endswith(pair[0]))
        return [name for name in names if name.removesuffix(pair[0]) + pair[1] in present]

    best = max(pairs, key=lambda pair: len(matched(pair)), default=None)
    if best is None or not matched(best):
        raise InputError(
            f'No image in {where[0]} has a label map in {where[1]}: both folders need the same tree, and the two names '
            f'the same beginning (first image: {images[0]}, first label: {labels[0]}).'
        )
    names = matched(best)
    chosen = set(names)
    rest = [name for name in images if name not in chosen and not (same_folder and name.endswith(best[1]))]
    return Naming(names, *best, dict(Counter(PurePosixPath(name).suffix for name in rest)))


def _candidates(images: Sequence[str], labels: Sequence[str], same_folder: bool) -> set[tuple[str, str]]:
    """Pairs of suffixes that a few images suggest: what differs behind the longest common beginning."""
    by_folder: dict[str, list[str]] = {}
    for label in labels:
        by_folder.setdefault(str(PurePosixPath(label).parent), []).append(label)
    found = set()
    for image in images[:: max(1, len(images) // TRIED)][:TRIED]:
        near = by_folder.get(str(PurePosixPath(image).parent), [])
        near = [label for label in near if not (same_folder and label == image)]
        if near:
            label = max(near, key=lambda name: shared_beginning(name, image))
            found.add(_suffixes(image, label))
    return found


def _suffixes(image: str, label: str) -> tuple[str, str]:
    """The ends of two names, from the last mark before they differ: ``a_rgb.jpg``, ``a_ids.png`` -> both from ``_``."""
    length = shared_beginning(image, label)
    stem_end = min(len(str(PurePosixPath(name).with_suffix(''))) for name in (image, label))
    length = min(length, stem_end)
    if length < stem_end:
        marks = [image.rfind(mark, 0, length + 1) for mark in BOUNDARIES]
        length = max([mark for mark in marks if mark > image.rfind('/')], default=length)
    return image[length:], label[length:]


def shared_beginning(one: str, other: str) -> int:
    """The number of characters with which both begin."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in same)


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not any(part.startswith('.') for part in path.parts)

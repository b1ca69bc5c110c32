"""How the names of images and of their label maps hang together."""

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mmseg.datasets.files import IMAGE_ENDS, Suffixes, label_maps_among, label_name, predictions_among, walk
from mmseg.errors import InputError

TRIED = 20
BOUNDARIES = '._-'


class Naming(NamedTuple):
    """How images are called, and their label maps, as a data set is told.

    Attributes:
        names: of the images, relative to their folder.
        suffixes: an image is ``<name><img suffix>``, in any case, its label map ``<name><seg_map suffix>``; '' = none.
        others: image files whose name ends otherwise, by suffix; a data set leaves them out.
        other_labels: further files that belong to these images, in the folder of the label maps, by what follows the
            common beginning.
    """

    names: list[str]
    suffixes: Suffixes
    others: dict[str, int]
    other_labels: dict[str, int] = {}


def image_files(folder: Path, what: str = 'Image') -> list[str]:
    """Images below ``folder`` by their relative POSIX path, sorted; no hidden ones, no pictures of predictions.

    Raises:
        InputError: no such folder, or no image in it; ``what`` is what the message calls it.
    """
    if not folder.is_dir():
        raise InputError(f'{what} folder {folder} does not exist.')
    images = [name for name in walk(folder) if _is_image(name)]
    found = sorted(set(images) - predictions_among(images, folder))
    if not found:
        raise InputError(f'{what} folder {folder} holds no images ({", ".join(sorted(IMAGE_ENDS))}).')
    return found


def suffix_naming(images: Sequence[str], like: Suffixes | None = None) -> Naming:
    """The naming of images without labels: all of their suffixes, the most frequent one first.

    Files that are label maps beside their images, if they are called as ``like``, are left out.
    """
    labels = label_maps_among(images, like) if like else set()
    names = [name for name in images if name not in labels]
    found = Counter(PurePosixPath(name).suffix.lower() for name in names).most_common()
    seg_map = like.seg_map if like and labels else ''
    naming = _naming(names, Suffixes(tuple(suffix for suffix, _ in found), seg_map))
    return naming._replace(others=naming.others | ({seg_map: len(labels)} if labels else {}))


def twin_ends(images: Sequence[str]) -> tuple[str, str] | None:
    """The two ends of names where every file lies beside another with the same beginning: ``.png``, ``_ids.png``."""
    for suffixes in _candidates(images, images, same_folder=True):
        labels = label_maps_among(images, suffixes) if suffixes.seg_map[:1] in BOUNDARIES else ()
        if labels and 2 * len(labels) == len(images):
            return suffixes.img[0], suffixes.seg_map
    return None


def paired_naming(images: Sequence[str], labels: Sequence[str], *, where: tuple[Path, Path]) -> Naming:
    """The pair of suffixes under which most images have a label map, and further ones of which all images have one.

    Args:
        images: relative names of the images.
        labels: relative names of the label files.
        where: folders of the two, for messages.

    Raises:
        InputError: the names do not pair, or an image of that suffix has no label map, which a data set refuses.
    """
    same_folder = where[0].resolve() == where[1].resolve()
    present = {name.lower() for name in labels}

    def unlabelled(suffixes: Suffixes) -> list[str]:
        named = _naming(images, suffixes, same_folder=same_folder).names
        return [name for name in named if label_name(name, suffixes).lower() not in present]

    def labelled(suffixes: Suffixes) -> int:
        return len(_naming(images, suffixes, same_folder=same_folder).names) - len(unlabelled(suffixes))

    best = max(_candidates(images, labels, same_folder), key=labelled, default=None)
    if best is None or not labelled(best):
        raise InputError(
            f'No image in {where[0]} has a label map in {where[1]}: both folders need the same tree, and the two names '
            f'the same beginning (first image: {images[0]}, first label: {labels[0]}).'
        )
    if missing := unlabelled(best):
        raise InputError(
            f'{len(missing)} of {labelled(best) + len(missing)} images in {where[0]} have no label map in {where[1]}: '
            f'{missing[0]} needs {label_name(missing[0], best)}. Take such images out of the folder of the source.'
        )
    for further in sorted({PurePosixPath(name).suffix.lower() for name in images}) if best.img[0][:1] == '.' else ():
        wider = best._replace(img=(*best.img, further))
        if further not in best.img and not unlabelled(wider):
            best = wider
    found = _naming(images, best, same_folder=same_folder)
    return found._replace(other_labels=_further_labels(found, [] if same_folder else labels))


def _further_labels(naming: Naming, labels: Sequence[str]) -> dict[str, int]:
    """Files of ``labels`` that belong to images and are not their label maps: ids of instances, colours."""
    stems = {naming.suffixes.stem(name) for name in naming.names}
    endings = Counter(
        label[i:]
        for label in labels
        if not naming.suffixes.is_label(label)
        for i, letter in enumerate(label)
        if letter in BOUNDARIES and label[:i] in stems
    )
    return dict(endings)


def _naming(images: Sequence[str], suffixes: Suffixes, *, same_folder: bool = False) -> Naming:
    """The images that a data set with these suffixes takes, and those that it leaves out."""
    files = [name for name in images if not (same_folder and suffixes.is_label(name))]
    names = [name for name in files if suffixes.stem(name) is not None]
    rest = Counter(PurePosixPath(name).suffix for name in files if suffixes.stem(name) is None)
    return Naming(names, suffixes, dict(rest))


def _candidates(images: Sequence[str], labels: Sequence[str], same_folder: bool) -> list[Suffixes]:
    """Pairs of suffixes that a few images suggest: what differs behind the longest common beginning."""
    by_folder: dict[str, list[str]] = {}
    for label in labels:
        by_folder.setdefault(str(PurePosixPath(label).parent), []).append(label)
    found: dict[Suffixes, None] = {}  # in order, so that of equal ones the same is taken every time
    for image in images[:: max(1, len(images) // TRIED)][:TRIED]:
        near = by_folder.get(str(PurePosixPath(image).parent), [])
        near = [label for label in near if not (same_folder and label == image)]
        if near:
            label = max(near, key=lambda name: shared_beginning(name, image))
            found[_suffixes(image, label)] = None
    return list(found)


def _suffixes(image: str, label: str) -> Suffixes:
    """The ends of two names, from the last mark before they differ: ``a_rgb.jpg``, ``a_ids.png`` -> both from ``_``."""
    length = shared_beginning(image, label)
    stem_end = min(len(str(PurePosixPath(name).with_suffix(''))) for name in (image, label))
    length = min(length, stem_end)
    if length < stem_end:
        marks = [image.rfind(mark, 0, length + 1) for mark in BOUNDARIES]
        length = max([mark for mark in marks if mark > image.rfind('/')], default=length)
    return Suffixes((image[length:],), label[length:])


def shared_beginning(one: str, other: str) -> int:
    """The number of characters with which both begin."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in same)


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in IMAGE_ENDS

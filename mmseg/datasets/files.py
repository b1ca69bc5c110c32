"""Finding the images and label maps of a data set."""

import logging
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log

from mmseg.datasets.text_files import lines_of
from mmseg.errors import InputError
from mmseg.places import PREDICTED, RESULT_KINDS, RESULTS

IMAGE_ENDS = {'.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm', '.jp2'}


class Root(NamedTuple):
    """One image folder, with its label folder and its list of names, where there are such."""

    img_dir: str
    ann_dir: str | None
    split: str | None


class Suffixes(NamedTuple):
    """Ends of the names of images (one or several) and of label maps; in any case: ``.png`` means ``.PNG`` too.

    ``further`` are ends of more label maps of the same images, where each class is a file of its own.
    """

    img: tuple[str, ...]
    seg_map: str
    further: tuple[str, ...] = ()

    def stem(self, image: str) -> str | None:
        """The name of an image without its suffix, the longest one that fits; None if it has none of them."""
        lowered = image.lower()
        for end, length in _longest_first(self.img):
            if lowered.endswith(end):
                return image[: len(image) - length]
        return None

    def stems(self, images: Iterable[str]) -> Iterator[str | None]:
        """:meth:`stem` of every name; a tenth of its time where names end in the only suffix as it is written."""
        if len(self.img) > 1:
            yield from map(self.stem, images)
            return
        (end,) = self.img
        for name in images:
            yield name.removesuffix(end) if name.endswith(end) else self.stem(name)

    def is_label(self, name: str) -> bool:
        return self.label_stem(name) is not None

    def label_stem(self, name: str) -> str | None:
        """The name of a label map without its suffix, the longest one that fits; None if it has none of them."""
        lowered = name.lower()
        for end, length in _longest_first((self.seg_map, *self.further)):
            if lowered.endswith(end):
                return name[: len(name) - length]
        return None


@lru_cache
def _longest_first(suffixes: tuple[str, ...]) -> list[tuple[str, int]]:
    """Each suffix in lower case, and its length: asked for with every name of a folder that may hold a million."""
    return [(suffix.lower(), len(suffix)) for suffix in sorted(suffixes, key=len, reverse=True)]


def suffixes_of(img: object, seg_map: object) -> Suffixes:
    """The suffixes as a config gives them.

    Raises:
        InputError: ``img`` is no text or list of texts, or ``seg_map`` no text.
    """
    several = (img,) if isinstance(img, str) else img
    listed = isinstance(several, list | tuple) and several and all(isinstance(one, str) for one in several)
    if not listed or not isinstance(several, list | tuple):
        raise InputError(f'img_suffix has to be an end of file names, or a list of them, not {img!r}.')
    if not isinstance(seg_map, str):
        raise InputError(f'seg_map_suffix has to be an end of file names, not {seg_map!r}.')
    return Suffixes(tuple(several), seg_map)


def roots(
    data_root: str | Path | None,
    img_dir: str | list[str],
    ann_dir: str | list[str] | None,
    split: str | list[str] | None,
) -> list[Root]:
    """Combine lists of folders and splits: a single one serves all of the longest list.

    Raises:
        InputError: two lists of different lengths.
    """
    given = {'img_dir': _list(img_dir), 'ann_dir': _list(ann_dir), 'split': _list(split)}
    count = max(map(len, given.values()))
    for name, values in given.items():
        if len(values) not in (1, count):
            lengths = ', '.join(f'{key}: {len(value)}' for key, value in given.items())
            raise InputError(f'{name}: lists of folders and splits have to be equally long or single ({lengths}).')
    folders = [[_under(data_root, path) for path in values * (count // len(values))] for values in given.values()]
    return [Root(str(images), labels, names) for images, labels, names in zip(*folders, strict=True)]


def image_names(root: Root, suffixes: Suffixes, remedy: str) -> tuple[list[str], dict[str, str]]:
    """Names of the images relative to ``root.img_dir``, POSIX, sorted; in the order of the split if there is one.

    And the label maps, relative to ``root.ann_dir``, of those whose line in the split names one.

    Raises:
        InputError: the folder or split file is missing, there are no images, or the split names one that is missing.
    """
    if not Path(root.img_dir).is_dir():
        raise InputError(f'Image folder {root.img_dir!r} does not exist. {remedy}')
    names: list[str] = []
    others: Counter[str] = Counter()
    together = root.ann_dir is not None and os.path.realpath(root.ann_dir) == os.path.realpath(root.img_dir)
    as_written = suffixes.img
    for name in walk(root.img_dir):
        if together and suffixes.is_label(name):
            continue
        if name.endswith(as_written) or suffixes.stem(name) is not None:
            names.append(name)
        else:
            others[os.path.splitext(name)[1]] += 1
    names = sorted(names)
    if root.split is None:
        names = _without_predictions(root.img_dir, names)
        names = _without_label_maps(root.img_dir, names, suffixes) if root.ann_dir is None else names
    if not names and root.split is None:
        ends = ' or '.join(map(repr, suffixes.img))
        labels = f' and not in {suffixes.seg_map!r}, as the label maps in it do' if together else ''
        raise InputError(f'Image folder {root.img_dir!r} holds no file that ends in {ends}{labels}. {remedy}')
    if root.split is not None:
        return _of_split(root, names, suffixes)
    _warn_of_left_out(root.img_dir, others, len(names), suffixes)
    return names, {}


def predictions_among(names: Sequence[str], folder: str | Path) -> set[str]:
    """Those of some files below ``folder`` (POSIX) that are results of predictions.

    That is ``street_pred.png`` beside ``street.jpg``, and what lies in ``overlay/`` or another of the kinds beside
    a ``predictions.json``.
    """
    results = {place for place in {name.rpartition('/')[0] for name in names} if _holds_results(place, folder)}
    below = {name for name in names if name.rpartition('/')[0] in results} if results else set()
    return below | _beside_images(names)


def _holds_results(place: str, folder: str | Path) -> bool:
    """Whether a folder below ``folder`` is one of results, or lies in such a one."""
    parts = place.split('/')
    return any(
        part in RESULT_KINDS and os.path.isfile(os.path.join(folder, *parts[:depth], RESULTS))
        for depth, part in enumerate(parts)
    )


def _beside_images(names: Sequence[str]) -> set[str]:
    """Those of some files that are called as the demo calls a picture of another one of them."""
    pictures = {}
    for name in names:
        if PREDICTED in name:  # of a million, hardly any
            stem, end = os.path.splitext(name)
            if stem.endswith(PREDICTED) and end.lower() in IMAGE_ENDS:
                pictures[name] = stem.removesuffix(PREDICTED)
    images = {os.path.splitext(name)[0] for name in names} if pictures else set()
    return {name for name, stem in pictures.items() if stem in images}


def _without_predictions(folder: str, names: list[str]) -> list[str]:
    """The images of a data set, without the pictures that predictions have left among them."""
    left_out = predictions_among(names, folder)
    if left_out:
        print_log(
            f'{len(left_out)} pictures of predictions in {folder!r}, such as {min(left_out)}, are left out: each lies '
            f'beside its image, or in a folder of results ({RESULTS}). Move them away, or name all images in a split.',
            'current',
            level=logging.WARNING,
        )
    return [name for name in names if name not in left_out] if left_out else names


def label_maps_among(images: Sequence[str], suffixes: Suffixes) -> set[str]:
    """Those of some images that are label maps of others: ``0_ids.png`` beside ``0.png``, as ``suffixes`` say.

    None where every image would end like a label map: the two then lie in folders of their own.
    """
    ends = (suffixes.seg_map, *suffixes.further)
    own = [end for end in ends if not any(image.lower().endswith(end.lower()) for image in suffixes.img)]
    if not own:
        return set()
    labels = Suffixes(suffixes.img, own[0], tuple(own[1:]))
    stems = {name: labels.label_stem(name) for name in images if labels.is_label(name)}  # of a million, mostly none
    others = set(suffixes.stems(name for name in images if name not in stems)) if stems else set()
    return {name for name, stem in stems.items() if stem in others}


def _without_label_maps(folder: str, names: list[str], suffixes: Suffixes) -> list[str]:
    """The images of a data set without labels, without the label maps that lie among them all the same."""
    left_out = label_maps_among(names, suffixes)
    if left_out:
        ends = ' or '.join(map(repr, (suffixes.seg_map, *suffixes.further)))
        print_log(
            f'{len(left_out)} label maps among the images in {folder!r}, such as {min(left_out)}, are left out: each '
            f'ends in {ends} (seg_map_suffix) and lies beside its image. A split can name all images.',
            'current',
            level=logging.WARNING,
        )
    return [name for name in names if name not in left_out] if left_out else names


def _warn_of_left_out(folder: str, others: Counter[str], used: int, suffixes: Suffixes) -> None:
    """Say so where a folder holds images of another kind than those that the suffixes take."""
    wanted = {os.path.splitext(f'x{suffix}')[1].lower() for suffix in suffixes.img}
    images = {end: count for end, count in others.items() if end.lower() in IMAGE_ENDS - wanted}
    if images:
        count = sum(images.values())
        print_log(
            f'{count} of {count + used} images in {folder!r} end in {", ".join(sorted(images))} and are left out: '
            f'img_suffix is {", ".join(suffixes.img)} (it may be a list).',
            'current',
            level=logging.WARNING,
        )


def check_labels(
    root: Root, images: list[str], suffixes: Suffixes, remedy: str, *, exact: bool = False
) -> dict[str, str]:
    """Make sure that every one of ``images`` has its label map in ``root.ann_dir``; no second list of names is made.

    Returns the names of label maps whose suffix is written in another case, by what is in front of it; ``exact``: such
    ones are none.

    Raises:
        InputError: the folder or a label map is missing; the message names image and label map.
    """
    assert root.ann_dir is not None
    if not Path(root.ann_dir).is_dir():
        raise InputError(f'Label folder {root.ann_dir!r} does not exist. {remedy}')
    missing = set(suffixes.stems(images))
    odd = {}
    end, length = suffixes.seg_map, len(suffixes.seg_map)
    for name in walk(root.ann_dir):
        usual = name.endswith(end)
        if usual or (not exact and suffixes.is_label(name)):
            stem = name[: len(name) - length]
            missing.discard(stem)
            if not usual:
                odd[stem] = name
    if missing:
        without = [image for image in images if suffixes.stem(image) in missing]
        raise no_label_map(root, without, label_name(without[0], suffixes), len(images), remedy)
    return odd


def no_label_map(root: Root, images: Sequence[str], label: str, total: int, remedy: str) -> InputError:
    """The error that ``images``, of ``total``, have no label map; that of the first one would be ``label``."""
    image, expected = str(Path(root.img_dir, images[0])), str(Path(str(root.ann_dir), label))
    return InputError(
        f'{len(images)} of {total} images in {root.img_dir!r} have no label map. The first: '
        f'image {image!r}, expected label map {expected!r}. {remedy}'
    )


def label_name(image: str, suffixes: Suffixes) -> str:
    """The name of the label map of ``image``, relative to the label folder as the image's is to its own."""
    return f'{suffixes.stem(image)}{suffixes.seg_map}'


class Pairs(Sequence[dict]):
    """The images of one root as a data set describes them, made when they are asked for: a name each is held.

    Each is ``{'filename', 'img_dir', 'ann': {'seg_map', 'ann_dir'}}``, ``ann`` where there are label maps.
    """

    def __init__(self, root: Root, images: list[str], suffixes: Suffixes, odd: Mapping[str, str]) -> None:
        self.root, self.images, self.suffixes = root, images, suffixes
        # label maps under names that cannot be made of the image's: by image, or by what is in front of its suffix
        self.odd = odd

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict:  # type: ignore[override]
        name = self.images[index]
        info: dict = {'filename': name, 'img_dir': self.root.img_dir}
        if self.root.ann_dir is not None:
            label = label_name(name, self.suffixes)
            if self.odd:
                label = self.odd.get(name) or self.odd.get(str(self.suffixes.stem(name)), label)
            info['ann'] = {'seg_map': label, 'ann_dir': self.root.ann_dir}
        return info


class Joined(Sequence[dict]):
    """Sequences one behind the other, without a copy."""

    def __init__(self, parts: Sequence[Sequence[dict]]) -> None:
        self.parts = list(parts)
        self.ends = list(accumulate(map(len, self.parts)))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, index: int) -> dict:  # type: ignore[override]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        part = bisect_right(self.ends, place)
        return self.parts[part][place - (self.ends[part - 1] if part else 0)]


def shared_folder(folders: Iterable[str | Path]) -> Path:
    """The folder that holds all of ``folders``; absolute where some are, or where they go up by ``..``."""
    listed = list(map(Path, folders))
    if len({path.is_absolute() for path in listed}) > 1 or any('..' in path.parts for path in listed):
        listed = [Path(os.path.abspath(path)) for path in listed]
    return Path(os.path.commonpath(listed))


def inside(path: str | Path, folder: Path) -> Path:
    """The way to ``path`` from the folder that :func:`shared_folder` gave for it and others: never up."""
    path = Path(path)
    if '..' in path.parts or not path.is_relative_to(folder):
        return Path(os.path.relpath(path, folder))
    return path.relative_to(folder)


def walk(folder: str | Path) -> Iterator[str]:
    """Every file below ``folder`` by its relative POSIX path; links to folders are followed, circles are not.

    Names that begin with a dot are left out, of files and of folders: thumbnails, resource forks, saved notebooks.
    One at a time: a folder may hold a million.
    """
    seen: set[str] = set()
    pending = ['']
    while pending:
        relative = pending.pop()
        current, above = os.path.join(folder, relative), f'{relative}/' if relative else ''
        real = os.path.realpath(current)
        if real in seen:
            continue
        seen.add(real)
        folders = []
        for entry in _entries(current):
            own = entry.name
            if own[0] == '.':
                continue
            if entry.is_file():
                yield above + own
            elif entry.is_dir():
                folders.append(above + own)
            elif entry.is_symlink():  # no pipes; a broken link is named where it is read
                yield above + own
        pending += reversed(folders)


def _entries(folder: str) -> Iterator[os.DirEntry]:
    """What lies in ``folder``; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _of_split(root: Root, found: list[str], suffixes: Suffixes) -> tuple[list[str], dict[str, str]]:
    """The images that a list names, in its order, and the label maps of lines that name those too.

    A line is a name below the image folder, with or without its suffix, or a path; or two of them, image and label.
    """
    assert root.split is not None
    if not Path(root.split).is_file():
        raise InputError(f'Split file {root.split!r} (the list of image names) does not exist.')
    wanted = [line.replace('\\', '/') for line in lines_of(root.split, 'Split file')]
    by_stem = {suffixes.stem(name): name for name in found} | {name: name for name in found}
    names: list[str] = []
    labels: dict[str, str] = {}
    for line in wanted:
        name = by_stem.get(line) or by_stem.get(suffixes.stem(line) or line) or _listed_file(line, root, root.img_dir)
        if name is None and (pair := _listed_pair(line, root)) is not None:
            name, label = pair
            labels |= {} if label is None else {name: label}
        if name is None:
            end = '' if suffixes.stem(line) is not None else suffixes.img[0]
            raise InputError(f'Split file {root.split!r} names {line + end!r}, which is not in {root.img_dir!r}.')
        names.append(name)
    if not names:
        raise InputError(f'Split file {root.split!r} is empty.')
    return names, labels


def _listed_pair(line: str, root: Root) -> tuple[str, str | None] | None:
    """Image and label map of a line with both, wherever names hold spaces; None if it is no such line."""
    places = [i for i, letter in enumerate(line) if letter.isspace()]
    for place in [line.index('\t')] if '\t' in line else places:
        image = _listed_file(line[:place].strip(), root, root.img_dir)
        if image is None:
            continue
        label = None if root.ann_dir is None else _listed_file(line[place:].strip(), root, root.ann_dir)
        if label is not None or root.ann_dir is None:
            return image, label
    return None


def _listed_file(text: str, root: Root, folder: str) -> str | None:
    """A file of a list relative to ``folder``, POSIX; None if there is none.

    Relative names are looked up beside the list, below ``folder`` and below every folder that it is in: lists of
    others begin at the root of the data set.

    Raises:
        InputError: it is not below ``folder``.
    """
    beside = [Path(str(root.split)).parent, Path(folder), *Path(folder).parents]
    path = next((path for path in (place / text for place in beside) if path.is_file()), None)
    if path is None:
        return None
    relative = os.path.relpath(path.absolute(), Path(folder).absolute()).replace(os.sep, '/')
    if relative.startswith('../'):
        raise InputError(f'Split file {root.split!r} names {text!r}, which is not below {folder!r}.')
    return relative


def _list(value: str | list[str] | tuple[str, ...] | None) -> list[str | None]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _under(data_root: str | Path | None, path: str | None) -> str | None:
    return path if data_root is None or path is None else str(Path(data_root, path))

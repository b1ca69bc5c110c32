"""Finding the images and label maps of a data set."""

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from mmseg.errors import InputError


class Root(NamedTuple):
    """One image folder, with its label folder and its list of names, where there are such."""

    img_dir: str
    ann_dir: str | None
    split: str | None


class Suffixes(NamedTuple):
    img: str
    seg_map: str


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


def image_names(root: Root, suffixes: Suffixes, remedy: str) -> list[str]:
    """Names of the images relative to ``root.img_dir``, POSIX, sorted; in the order of the split if there is one.

    Raises:
        InputError: the folder or split file is missing, there are no images, or the split names one that is missing.
    """
    if not Path(root.img_dir).is_dir():
        raise InputError(f'Image folder {root.img_dir!r} does not exist. {remedy}')
    found = sorted(
        name
        for name in walk(root.img_dir)
        if name.endswith(suffixes.img) and not (root.ann_dir == root.img_dir and name.endswith(suffixes.seg_map))
    )
    if not found:
        raise InputError(f'Image folder {root.img_dir!r} holds no file that ends in {suffixes.img!r}. {remedy}')
    return found if root.split is None else _of_split(root, found, suffixes.img)


def check_labels(root: Root, images: list[str], suffixes: Suffixes, remedy: str) -> None:
    """Make sure that every one of ``images`` has its label map in ``root.ann_dir``; no second list of names is made.

    Raises:
        InputError: the folder or a label map is missing; the message names image and label map.
    """
    assert root.ann_dir is not None
    if not Path(root.ann_dir).is_dir():
        raise InputError(f'Label folder {root.ann_dir!r} does not exist. {remedy}')
    missing = set(images)
    for name in walk(root.ann_dir):
        if name.endswith(suffixes.seg_map):
            missing.discard(name[: len(name) - len(suffixes.seg_map)] + suffixes.img)
    if missing:
        image = next(image for image in images if image in missing)
        label = label_name(image, suffixes)
        count = sum(image in missing for image in images)
        raise InputError(
            f'{count} of {len(images)} images in {root.img_dir!r} have no label map. The first: '
            f'image {str(Path(root.img_dir, image))!r}, expected label map {str(Path(root.ann_dir, label))!r}. {remedy}'
        )


def label_name(image: str, suffixes: Suffixes) -> str:
    """The name of the label map of ``image``, relative to the label folder as the image's is to its own."""
    return image.removesuffix(suffixes.img) + suffixes.seg_map


class Pairs(Sequence[dict]):
    """The images of one root as a data set describes them, made when they are asked for: a name each is held.

    Each is ``{'filename', 'img_dir', 'ann': {'seg_map', 'ann_dir'}}``, ``ann`` where there are label maps.
    """

    def __init__(self, root: Root, images: list[str], suffixes: Suffixes) -> None:
        self.root, self.images, self.suffixes = root, images, suffixes

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict:  # type: ignore[override]
        name = self.images[index]
        info: dict = {'filename': name, 'img_dir': self.root.img_dir}
        if self.root.ann_dir is not None:
            info['ann'] = {'seg_map': label_name(name, self.suffixes), 'ann_dir': self.root.ann_dir}
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


def walk(folder: str | Path) -> Iterator[str]:
    """Every file below ``folder`` by its relative POSIX path; links to folders are followed, circles are not.

    One at a time: a folder may hold a million.
    """
    seen: set[str] = set()
    pending = ['']
    while pending:
        relative = pending.pop()
        current = os.path.join(folder, relative)
        real = os.path.realpath(current)
        if real in seen:
            continue
        seen.add(real)
        folders = []
        for entry in _entries(current):
            name = f'{relative}/{entry.name}' if relative else entry.name
            if entry.is_dir():
                folders.append(name)
            else:
                yield name
        pending += reversed(folders)


def _entries(folder: str) -> Iterator[os.DirEntry]:
    """What lies in ``folder``; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _of_split(root: Root, found: list[str], suffix: str) -> list[str]:
    assert root.split is not None
    if not Path(root.split).is_file():
        raise InputError(f'Split file {root.split!r} (the list of image names) does not exist.')
    lines = [line.strip().replace('\\', '/') for line in Path(root.split).read_text().splitlines()]
    names = [line.removesuffix(suffix) + suffix for line in lines if line]
    present = set(found)
    missing = [name for name in names if name not in present]
    if missing or not names:
        reason = f'names {missing[0]!r}, which is not in {root.img_dir!r}' if missing else 'is empty'
        raise InputError(f'Split file {root.split!r} {reason}.')
    return names


def _list(value: str | list[str] | tuple[str, ...] | None) -> list[str | None]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _under(data_root: str | Path | None, path: str | None) -> str | None:
    return path if data_root is None or path is None else str(Path(data_root, path))

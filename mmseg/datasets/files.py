"""Finding the images and label maps of a data set."""

import os
from collections.abc import Iterator
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


def label_names(root: Root, images: list[str], suffixes: Suffixes, remedy: str) -> list[str]:
    """Names of the label maps of ``images``, relative to ``root.ann_dir``.

    Raises:
        InputError: the folder or a label map is missing; the message names image and label map.
    """
    assert root.ann_dir is not None
    if not Path(root.ann_dir).is_dir():
        raise InputError(f'Label folder {root.ann_dir!r} does not exist. {remedy}')
    names = [name.removesuffix(suffixes.img) + suffixes.seg_map for name in images]
    present = set(walk(root.ann_dir))
    missing = [(image, name) for image, name in zip(images, names, strict=True) if name not in present]
    if missing:
        image, label = missing[0]
        raise InputError(
            f'{len(missing)} of {len(images)} images in {root.img_dir!r} have no label map. The first: '
            f'image {str(Path(root.img_dir, image))!r}, expected label map {str(Path(root.ann_dir, label))!r}. {remedy}'
        )
    return names


def walk(folder: str | Path) -> Iterator[str]:
    """Every file below ``folder`` by its relative POSIX path; links to folders are followed, circles are not."""
    seen: set[str] = set()
    for current, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(current)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        relative = Path(current).relative_to(folder).as_posix()
        yield from files if relative == '.' else (f'{relative}/{name}' for name in files)


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

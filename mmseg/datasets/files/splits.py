"""Lists of the images of a data set, with or without their label maps."""

import os
from pathlib import Path

from mmseg.datasets.files.names import Root, Suffixes
from mmseg.datasets.text_files import lines_of
from mmseg.errors import InputError


def of_split(root: Root, found: list[str], suffixes: Suffixes) -> tuple[list[str], dict[str, str]]:
    """The images that a list names, in its order, and the label maps of lines that name those too.

    A line is a name below the image folder, with or without its suffix, or a path; or two of them, image and label.

    Raises:
        InputError: there is no such list, it is empty or no text in UTF-8, or it names what is not there, or
            lies elsewhere.
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

"""How the images and label maps of a data set are called, and where they lie."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mmseg.errors import InputError
from mmseg.places import with_home

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


def label_name(image: str, suffixes: Suffixes) -> str:
    """The name of the label map of ``image``, relative to the label folder as the image's is to its own."""
    return f'{suffixes.stem(image)}{suffixes.seg_map}'


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


def _list(value: str | list[str] | tuple[str, ...] | None) -> list[str | None]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _under(data_root: str | Path | None, path: str | None) -> str | None:
    """``path`` below ``data_root``, where there is one; homes written out."""
    if path is None or data_root is None:
        return None if path is None else with_home(path)
    return str(Path(with_home(data_root), with_home(path)))

"""Finding the images and label maps of a data set."""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import print_log

from mmseg.datasets.files.folders import walk
from mmseg.datasets.files.names import IMAGE_ENDS, Root, Suffixes, label_name
from mmseg.datasets.files.not_images import without_label_maps, without_predictions
from mmseg.datasets.files.splits import of_split
from mmseg.errors import InputError


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
        names = without_predictions(root.img_dir, names)
        names = without_label_maps(root.img_dir, names, suffixes) if root.ann_dir is None else names
    if not names and root.split is None:
        ends = ' or '.join(map(repr, suffixes.img))
        labels = f' and not in {suffixes.seg_map!r}, as the label maps in it do' if together else ''
        raise InputError(f'Image folder {root.img_dir!r} holds no file that ends in {ends}{labels}. {remedy}')
    if root.split is not None:
        return of_split(root, names, suffixes)
    _warn_of_left_out(root.img_dir, others, len(names), suffixes)
    return names, {}


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

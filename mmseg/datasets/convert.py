"""Original label files -> train-id maps beside them, and the class index: what the conversion commands share."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmseg.datasets.class_index import write_index
from mmseg.datasets.class_stats import check_labelled, count_classes
from mmseg.datasets.files import walk
from mmseg.datasets.label_sets import CITYSCAPES19, LabelSet
from mmseg.datasets.labels import label_reader
from mmseg.datasets.parallel import each
from mmseg.errors import InputError
from mmseg.places import check_folder
from mmseg.writing import write_bytes

SUFFIX = '_labelTrainIds.png'


def convert(
    args: argparse.Namespace,
    *,
    suffix: str,
    read: Callable[[Path], np.ndarray],
    download: str,
    labels: LabelSet = CITYSCAPES19,
) -> str:
    """Write the train-id map of every label file, and the class index of all of them.

    Label maps that an earlier, interrupted run finished are kept.

    Args:
        args: from :func:`mmseg.commands.convert.parse_args`.
        suffix: end of the names of the original label files.
        read: label file -> train ids, uint8 (H, W); importable by name, as other processes call it.
        labels: the classes.
        download: what the user should have unpacked, for the message when there is nothing to convert.

    Returns:
        What was done, in a sentence.

    Raises:
        InputError: no label files, one that cannot be read, no labelled pixel, or a folder that cannot be written.
    """
    root = Path(args.path)
    out_dir = Path(args.out_dir or root)
    check_folder(out_dir)
    folder = root / args.gt_dir
    if not folder.is_dir():
        raise InputError(f'Label folder {str(folder)!r} does not exist. {download}')
    if not folder.is_relative_to(root):
        raise InputError(
            f'--gt-dir {args.gt_dir} has to lie below {str(root)!r}: names in the index are relative to that.'
        )
    names = sorted(name for name in walk(folder) if name.endswith(suffix) and not name.endswith(SUFFIX))
    if not names:
        raise InputError(f'Label folder {str(folder)!r} holds no file that ends in {suffix!r}. {download}')
    sources = [folder / name for name in names]
    targets = [folder / (name.removesuffix(suffix) + SUFFIX) for name in names]
    work = partial(_convert_file, read=read, labels=labels)
    counts = list(each(work, list(zip(sources, targets, strict=True)), nproc=args.nproc, title='Converting labels'))
    files = {target.relative_to(root).as_posix(): target for target in targets}
    by_name = dict(zip(files, counts, strict=True))
    check_labelled(by_name, files)
    write_index(out_dir, files, by_name, label_reader(labels))
    return f'{len(files)} train-id maps in {str(folder)!r}, class index in {str(out_dir)!r}.'


def mapped(ids: np.ndarray, table: np.ndarray) -> np.ndarray:
    """File ids -> train ids by a table of 256 entries."""
    return cv2.LUT(ids, table)


def _convert_file(pair: tuple[Path, Path], read: Callable[[Path], np.ndarray], labels: LabelSet) -> dict[int, int]:
    source, target = pair
    label = _finished(source, target, labels)
    if label is None:
        label = read(source)
        _write(target, label)
    return count_classes(label)


def _finished(source: Path, target: Path, labels: LabelSet) -> np.ndarray | None:
    """The train-id map of an earlier run, if it is whole and not older than its source."""
    try:
        if target.stat().st_mtime < source.stat().st_mtime:
            return None
        with Image.open(target) as file, Image.open(source) as original:
            label = np.asarray(file)
            fits = file.mode == 'L' and file.size == original.size
    except (OSError, SyntaxError, ValueError):
        return None
    return label if fits and not ((label >= len(labels)) & (label != labels.ignore_index)).any() else None


def _write(path: Path, label: np.ndarray) -> None:
    """Write a PNG as a whole or not at all, so that an interrupted run leaves no half file behind."""
    write_bytes(path, cv2.imencode('.png', label)[1].tobytes())

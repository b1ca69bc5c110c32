"""What lies among the images of a data set and is none of them: pictures of predictions, label maps."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import print_log

from mmseg.datasets.files.names import IMAGE_ENDS, Suffixes
from mmseg.places import PREDICTED, RESULT_KINDS, RESULTS


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


def without_predictions(folder: str, names: list[str]) -> list[str]:
    """The images of a data set, without the pictures that predictions have left among them."""
    why = f'beside its image, or in a folder of results ({RESULTS}). Move them away, or name all images in a split.'
    return _without(predictions_among(names, folder), names, f'pictures of predictions in {folder!r}', f'lies {why}')


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


def without_label_maps(folder: str, names: list[str], suffixes: Suffixes) -> list[str]:
    """The images of a data set without labels, without the label maps that lie among them all the same."""
    ends = ' or '.join(map(repr, (suffixes.seg_map, *suffixes.further)))
    why = f'ends in {ends} (seg_map_suffix) and lies beside its image. A split can name all images.'
    return _without(label_maps_among(names, suffixes), names, f'label maps among the images in {folder!r}', why)


def _without(left_out: set[str], names: list[str], what: str, why: str) -> list[str]:
    """``names`` without those left out, which is said where there are some."""
    if not left_out:
        return names
    said = f'{len(left_out)} {what}, such as {min(left_out)}, are left out: each {why}'
    print_log(said, 'current', level=logging.WARNING)
    return [name for name in names if name not in left_out]

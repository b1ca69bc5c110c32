"""Label images that show classes as colours, and classes as masks of their own: file -> ids."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mmseg.errors import InputError

Colour = tuple[int, int, int]
LISTED = 12


class ColourTable(NamedTuple):
    """Colours of label images: ``codes`` (red * 65536 + green * 256 + blue), ascending, and the train id of each."""

    codes: tuple[int, ...]
    train_ids: tuple[int, ...]


def colour_table(pairs: Sequence[tuple[Colour, int]]) -> ColourTable:
    """The table of (RGB, train id).

    Raises:
        InputError: a colour is given twice.
    """
    rows = sorted((code_of(colour), train_id) for colour, train_id in pairs)
    twice = [code for code, times in Counter(code for code, _ in rows).items() if times > 1]
    if twice:
        raise InputError(f'label_colors names the colour {list(colour_of(twice[0]))} twice: each has one class.')
    return ColourTable(tuple(code for code, _ in rows), tuple(train_id for _, train_id in rows))


def code_of(colour: Colour) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def colour_of(code: int) -> Colour:
    return code >> 16, code >> 8 & 255, code & 255


def codes_in(image: Image.Image) -> np.ndarray:
    """The colours of an opened image as codes, int32 (H, W); grey and palette images show colours too."""
    rgb = np.asarray(image.convert('RGB')).astype(np.int32)
    return rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]


def ids_of_colours(
    codes: np.ndarray, table: ColourTable, path: str | Path, dtype: np.dtype | None = None
) -> np.ndarray:
    """Train ids (H, W), as ``dtype`` (uint8).

    Raises:
        InputError: colours that the table does not have; lists them with their numbers of pixels.
    """
    known = np.array(table.codes, np.int32)
    places = np.searchsorted(known, codes).clip(max=len(known) - 1)
    foreign = known[places] != codes
    if foreign.any():
        values, counts = np.unique(codes[foreign], return_counts=True)
        order = np.argsort(-counts)
        listed = ', '.join(f'{list(colour_of(int(values[i])))} ({counts[i]} pixels)' for i in order[:LISTED])
        more = f' and {len(values) - LISTED} more' if len(values) > LISTED else ''
        raise InputError(
            f'Label image {str(path)!r} shows colours that label_colors does not name: {listed}{more}. Name them '
            '(name=None for what is ignored), or save the labels without loss and without smoothed edges.'
        )
    return np.array(table.train_ids, dtype or np.uint8)[places]


class MaskFile(NamedTuple):
    """One class as a file of its own beside those of the others: in the folder ``folder`` below the labels' one."""

    folder: str
    suffix: str
    train_id: int


def merged_masks(masks: Sequence[tuple[Path, int, np.ndarray]], rest: int, dtype: np.dtype | None = None) -> np.ndarray:
    """One label map of masks (file, train id, values (H, W)), in which any value but 0 is the class.

    Args:
        masks: of the classes.
        rest: train id of pixels in no mask.
        dtype: of the result; as default uint8.

    Raises:
        InputError: masks differ in size, or two of them hold one pixel.
    """
    first, _, shape = masks[0][0], masks[0][1], masks[0][2].shape
    label = np.full(shape, rest, dtype or np.uint8)
    taken = np.zeros(shape, bool)
    for path, train_id, values in masks:
        if values.shape != label.shape:
            raise InputError(
                f'Masks {str(first)!r} and {str(path)!r} differ in size: '
                f'{" and ".join("x".join(map(str, one.shape[::-1])) for one in (label, values))}.'
            )
        inside = values != 0
        if (inside & taken).any():
            raise InputError(
                f'Mask {str(path)!r} has {int((inside & taken).sum())} pixels that are in the mask of another class '
                'too: a pixel has one class.'
            )
        label[inside] = train_id
        taken |= inside
    return label

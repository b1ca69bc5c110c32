"""Margins of target images whose pseudo-labels are not to be trusted."""

import re
from collections.abc import Sequence

import numpy as np

from mmseg.datasets.pipelines.fields import VALID_PSEUDO, with_field
from mmseg.datasets.pipelines.transform import Part, Transform, size_of
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS


def _is_width(margin: object) -> bool:
    if isinstance(margin, str):
        return re.fullmatch(r'\d+(\.\d+)?%', margin) is not None
    return isinstance(margin, int) and margin >= 0


def _pixels(margin: int | str, side: int) -> int:
    """The pixels of a margin at an edge across a side of this length."""
    return round(float(margin.rstrip('%')) / 100 * side) if isinstance(margin, str) else margin


@TRANSFORMS.register_module()
class PseudoMargins(Transform):
    """Adds the mask ``valid_pseudo_mask``: 0 in the margins, else 1. It moves with the image through what follows.

    Standing in front of the Resize, it speaks of the pixels of the file: rows of rectification artefacts at the top,
    the own car at the bottom (HRDA, Hoyer et al., 2022: 30, 240, 30, 30 of Cityscapes). Collect has to take it.

    Args:
        margins: pixels at the top, bottom, left and right, or shares of the height and width, as '25%'.
    """

    part = Part.BOTH
    adds = (VALID_PSEUDO.name,)

    def __init__(self, *, margins: Sequence[int | str]) -> None:
        if len(margins) != 4 or not all(map(_is_width, margins)):
            raise InputError(
                "PseudoMargins: margins has to be four whole numbers of at least 0, or percentages as '25%', got "
                f'{margins!r}'
            )
        self.margins = tuple(margins)

    def apply(self, results: dict, params: None) -> dict:
        height, width = size_of(results)
        lengths = (height, height, width, width)
        top, bottom, left, right = (_pixels(margin, side) for margin, side in zip(self.margins, lengths, strict=True))
        if top + bottom >= height or left + right >= width:
            raise InputError(
                f'PseudoMargins: margins={self.margins} leave nothing of an image of {width}x{height} (width x height).'
            )
        mask = np.zeros((height, width), np.uint8)
        mask[top : height - bottom, left : width - right] = 1
        return with_field(results, VALID_PSEUDO, mask)

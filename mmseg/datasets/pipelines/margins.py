"""Margins of target images whose pseudo-labels are not to be trusted."""

from collections.abc import Sequence

import numpy as np

from mmseg.datasets.pipelines.fields import VALID_PSEUDO, with_field
from mmseg.datasets.pipelines.transform import Part, Transform, size_of
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PseudoMargins(Transform):
    """Adds the mask ``valid_pseudo_mask``: 0 in the margins, else 1. It moves with the image through what follows.

    Standing in front of the Resize, it speaks of the pixels of the file: rows of rectification artefacts at the top,
    the own car at the bottom (HRDA, Hoyer et al., 2022: 30, 240, 30, 30 of Cityscapes). Collect has to take it.

    Args:
        margins: pixels at the top, bottom, left and right.
    """

    part = Part.BOTH
    adds = (VALID_PSEUDO.name,)

    def __init__(self, *, margins: Sequence[int]) -> None:
        if len(margins) != 4 or any(not isinstance(width, int) or width < 0 for width in margins):
            raise InputError(f'PseudoMargins: margins has to be four whole numbers of at least 0, got {margins!r}')
        self.margins = tuple(margins)

    def apply(self, results: dict, params: None) -> dict:
        height, width = size_of(results)
        top, bottom, left, right = self.margins
        if top + bottom >= height or left + right >= width:
            raise InputError(
                f'PseudoMargins: margins={self.margins} leave nothing of an image of {width}x{height} (width x height).'
            )
        mask = np.zeros((height, width), np.uint8)
        mask[top : height - bottom, left : width - right] = 1
        return with_field(results, VALID_PSEUDO, mask)

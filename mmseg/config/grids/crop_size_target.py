"""Crop sizes of training with the labels of the target, without HRDA."""

from collections.abc import Sequence

from mmseg.config import hrda_runs as hrda
from mmseg.config.experiment import Run

EXP = '43'


def rows(exp: str) -> Sequence[Run]:
    """Target-only: DAFormer's network at half and full resolution, with crops of 1/4, 1/2, 3/4 and all of the side."""
    crops = [(hrda.TARGET_HALF, side) for side in (128, 256, 384, None)]
    crops += [(hrda.TARGET, side) for side in (256, None, 768)]
    supervised = {'method': 'target-only', 'views': None, 'rare': False, 'margins': False}
    return hrda.seeded(exp, [{**supervised, 'pair': pair, 'target_crop': side} for pair, side in crops])

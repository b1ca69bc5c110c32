"""Crop sizes of adaptation, without HRDA."""

from collections.abc import Sequence

from mmseg.config import hrda_runs as hrda
from mmseg.config.experiment import Run

EXP = '42'


def rows(exp: str) -> Sequence[Run]:
    """DAFormer at half and full resolution, with crops of 1/4, 1/2, 3/4 and all of the side (1024 needs HRDA)."""
    crops = [(hrda.GTA_HALF, side) for side in (128, 256, 384, None)] + [(hrda.GTA, side) for side in (256, 512, 768)]
    return hrda.seeded(
        exp, [{'pair': pair, 'method': hrda.DAFORMER, 'views': None, 'sync_crop': side} for pair, side in crops]
    )

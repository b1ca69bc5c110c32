"""MIC(DAFormer) without one of its parts."""

from collections.abc import Sequence

from mmseg.config import mic_runs as mic
from mmseg.config.experiment import Run

EXP = '83'


def rows(exp: str) -> Sequence[Run]:
    """MIC(DAFormer) without augmentation, without masks, without teacher, without the weight of pseudo-labels."""
    parts = (
        mic.Masks(block=32, mode='spt'),
        mic.Masks(block=32, ratio=0),
        mic.Masks(block=32, alpha=0),
        mic.Masks(block=32, threshold=None),
    )
    return mic.seeded(exp, [(mic.half(), masks) for masks in parts])

"""MIC(DAFormer): size of the blocks and share that is removed."""

from collections.abc import Sequence

from mmseg.config import mic_runs as mic
from mmseg.config.experiment import Run

EXP = '84'


def rows(exp: str) -> Sequence[Run]:
    """MIC(DAFormer) with four sizes of blocks and four shares of removed ones; the final choice is in table 81."""
    choices = [(block, ratio) for block in (16, 32, 64, 128) for ratio in (0.3, 0.5, 0.7, 0.9)]
    choices.remove((32, 0.7))
    return mic.seeded(exp, [(mic.half(), mic.Masks(block=block, ratio=ratio)) for block, ratio in choices])

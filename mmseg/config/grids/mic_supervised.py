"""Supervised training with MIC."""

from collections.abc import Sequence

from mmseg.config import mic_runs as mic
from mmseg.config import paper
from mmseg.config.experiment import PaperRun, Run

EXP = '85'


def rows(exp: str) -> Sequence[Run]:
    """Cityscapes with its labels, and its masked images with the same labels."""
    plain = PaperRun(exp='', seed=0, architecture=paper.DAFORMER, method=mic.SUPERVISED, domains=mic.CITYSCAPES)
    return mic.seeded(exp, [(plain, mic.Masks(block=32, mode='sps'))])

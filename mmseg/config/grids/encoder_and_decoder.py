"""Table 2: what of SegFormer helps, its encoder or its decoder."""

from collections.abc import Sequence

from mmseg.config import paper
from mmseg.config.experiment import Run

EXP = '2'


def rows(exp: str) -> Sequence[Run]:
    """Table 2: what of SegFormer helps, its encoder or its decoder."""
    return paper.runs(exp, (paper.DLV3P_B5, paper.SEGFORMER_R101), (paper.DACS, paper.TARGET_ONLY))

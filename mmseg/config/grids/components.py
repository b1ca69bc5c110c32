"""Table 5: rare class sampling and feature distance on SegFormer, all parts on SegFormer and DeepLabV2."""

from collections.abc import Sequence

from mmseg.config import paper
from mmseg.config.experiment import Run

EXP = '5'


def rows(exp: str) -> Sequence[Run]:
    """Table 5: rare class sampling and feature distance on SegFormer, all parts on SegFormer and DeepLabV2."""
    parts = (paper.RCS_UNIFORM, paper.RCS, paper.FD_ALL, paper.FD_THINGS, paper.RCS_FD, paper.ALL_PARTS)
    return [*paper.runs(exp, (paper.SEGFORMER_B5,), parts), *paper.runs(exp, (paper.DLV2_R101,), (paper.ALL_PARTS,))]

"""DAFormer, Synthia -> Cityscapes."""

from collections.abc import Sequence

from mmseg.config import paper
from mmseg.config.experiment import Run

EXP = '7'


def rows(exp: str) -> Sequence[Run]:
    """DAFormer, Synthia -> Cityscapes."""
    return paper.runs(exp, (paper.DAFORMER,), (paper.ALL_PARTS,), domains=paper.SYNTHIA)

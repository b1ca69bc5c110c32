"""DAFormer, Cityscapes -> ACDC and Cityscapes -> Dark Zurich."""

from collections.abc import Sequence

from mmseg.config import paper
from mmseg.config.experiment import Run

EXP = '8'


def rows(exp: str) -> Sequence[Run]:
    """DAFormer, Cityscapes -> ACDC and Cityscapes -> Dark Zurich."""
    return [
        run
        for domains in (paper.ACDC, paper.DARK_ZURICH)
        for run in paper.runs(exp, (paper.DAFORMER,), (paper.ALL_PARTS,), domains=domains)
    ]

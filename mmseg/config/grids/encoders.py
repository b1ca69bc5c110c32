"""Table 3: encoders."""

from collections.abc import Sequence

from mmseg.config import paper
from mmseg.config.experiment import Run

EXP = '3'


def rows(exp: str) -> Sequence[Run]:
    """Table 3: encoders."""
    networks = (
        paper.DLV2_R50,
        paper.DLV2_S50,
        paper.DLV2_S101,
        paper.DLV2_S200,
        paper.SEGFORMER_B3,
        paper.SEGFORMER_B4,
    )
    return paper.runs(exp, networks, (paper.SOURCE_ONLY, paper.DACS, paper.TARGET_ONLY), seeds=(0,))

"""Table 1: architectures, each without adaptation, with DACS, and with the labels of the target."""

from collections.abc import Sequence

from mmseg.config import paper
from mmseg.config.experiment import Run

EXP = '1'


def rows(exp: str) -> Sequence[Run]:
    """Table 1: architectures, each without adaptation, with DACS, and with the labels of the target."""
    networks = (paper.DLV2_R101, paper.DANET, paper.ISANET, paper.DLV3P, paper.SEGFORMER_B5)
    return paper.runs(exp, networks, (paper.SOURCE_ONLY, paper.DACS, paper.TARGET_ONLY))

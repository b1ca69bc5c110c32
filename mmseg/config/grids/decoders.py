"""Table 7: decoders of MiT-B5, with all parts of the method."""

from collections.abc import Sequence

from mmseg.config import paper
from mmseg.config.experiment import Run

EXP = '6'


def rows(exp: str) -> Sequence[Run]:
    """Table 7: decoders of MiT-B5, with all parts of the method."""
    networks = (
        paper.DAFORMER_CONV1,
        paper.UPERNET,
        paper.UPERNET_256,
        paper.DAFORMER_ISA,
        paper.DAFORMER_BOTTLENECK,
        paper.DAFORMER_ASPP,
        paper.DAFORMER,
    )
    return paper.runs(exp, networks, (paper.ALL_PARTS, paper.TARGET_ONLY))

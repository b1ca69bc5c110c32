"""MIC with other methods of adaptation."""

from collections.abc import Sequence

from mmseg.config import mic_runs as mic
from mmseg.config import paper
from mmseg.config.experiment import Run

EXP = '81'


def rows(exp: str) -> Sequence[Run]:
    """MIC with AdvSeg, MinEnt, DACS, DAFormer and HRDA on DeepLabV2, and with DAFormer."""
    masks = mic.Masks(block=32)
    without_teacher = [(mic.half_with_sgd(method), masks) for method in ('advseg', 'minent')]
    others = [
        (mic.half(paper.DLV2_R101, paper.DACS), masks),
        (mic.half(paper.DLV2_R101), masks),
        (mic.full(decoder='dlv2red'), mic.Masks(block=64)),
        (mic.half(), masks),
    ]
    return [*mic.seeded(exp, without_teacher, needs_teacher=True), *mic.seeded(exp, others)]

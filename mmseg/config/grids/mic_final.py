"""MIC(HRDA) on four benchmarks."""

from collections.abc import Sequence

from mmseg.config import hrda_runs as hrda
from mmseg.config import mic_runs as mic
from mmseg.config.experiment import Run

EXP = '80'


def rows(exp: str) -> Sequence[Run]:
    """MIC(HRDA): GTA and SYNTHIA -> Cityscapes, Cityscapes -> ACDC and Dark Zurich (published: of the test sets)."""
    runs = [(mic.full(pair), mic.Masks(block=64)) for pair in (hrda.GTA, hrda.SYNTHIA)]
    adverse = mic.Masks(block=64, mode='sep')
    runs += [(mic.full(pair, margins=False), adverse) for pair in (hrda.ACDC, hrda.DARK_ZURICH)]
    return mic.seeded(exp, runs)

"""HRDA, Cityscapes -> ACDC and Cityscapes -> Dark Zurich."""

from collections.abc import Sequence

from mmseg.config import hrda_runs as hrda
from mmseg.config.experiment import Run

EXP = '49'


def rows(exp: str) -> Sequence[Run]:
    """HRDA, Cityscapes -> ACDC and Cityscapes -> Dark Zurich; the paper's numbers are of the test sets."""
    pairs = (hrda.ACDC, hrda.DARK_ZURICH)
    return hrda.seeded(exp, [{'pair': pair, 'method': hrda.DAFORMER, 'margins': False} for pair in pairs])

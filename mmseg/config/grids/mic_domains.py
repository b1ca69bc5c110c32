"""MIC(HRDA): which images are masked."""

from collections.abc import Sequence

from mmseg.config import hrda_runs as hrda
from mmseg.config import mic_runs as mic
from mmseg.config.experiment import Run

EXP = '82'


def rows(exp: str) -> Sequence[Run]:
    """MIC(HRDA) with masked source images, target images, or both; the other choices are in table 80."""
    runs = [(mic.full(), mic.Masks(block=64, mode=mode)) for mode in ('spsa', 'spa')]
    acdc = mic.full(hrda.ACDC, margins=False)
    return mic.seeded(exp, [*runs, *((acdc, mic.Masks(block=64, mode=mode)) for mode in ('sps', 'spt'))])

"""HRDA, GTA -> Cityscapes and Synthia -> Cityscapes."""

from collections.abc import Sequence
from dataclasses import replace

from mmseg.config import hrda_runs as hrda
from mmseg.config.experiment import Run

EXP = '40'
# mIoU in percent, mean over seeds 0, 1 and 2
PUBLISHED = {hrda.GTA.name: '73.8', hrda.SYNTHIA.name: '65.8 (16 classes)'}


def rows(exp: str) -> Sequence[Run]:
    """HRDA, GTA -> Cityscapes and Synthia -> Cityscapes."""
    runs = hrda.seeded(exp, [{'pair': pair, 'method': hrda.DAFORMER} for pair in (hrda.GTA, hrda.SYNTHIA)])
    return [replace(run, published=PUBLISHED[run.pair.name]) for run in runs]

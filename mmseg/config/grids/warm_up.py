"""Table 4: learning rate without warm-up; the runs with it are in table 1."""

from collections.abc import Sequence
from dataclasses import replace

from mmseg.config import paper
from mmseg.config.experiment import NOT_PUBLISHED, Run

EXP = '4'


def rows(exp: str) -> Sequence[Run]:
    """Table 4: learning rate without warm-up; the runs with it are in table 1."""
    rows = paper.runs(exp, (paper.DLV2_R101, paper.SEGFORMER_B5), (paper.DACS, paper.TARGET_ONLY), seeds=(0,))
    return [replace(row, schedule='poly10', published=NOT_PUBLISHED) for row in rows]

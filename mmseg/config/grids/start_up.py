"""Start-up test: every architecture of the paper for two iterations."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mmseg.config import paper
from mmseg.config.experiment import NOT_PUBLISHED, Run

EXP = '100'


def rows(exp: str) -> Sequence[Run]:
    """Start-up test: every architecture of the paper for two iterations."""
    networks = (
        paper.DLV2_R101,
        paper.DLV3P,
        paper.DANET,
        paper.SEGFORMER_B5,
        paper.ISANET,
        paper.DLV2_R50,
        paper.DLV2_S50,
        paper.DLV2_S101,
        paper.DLV2_S200,
        paper.DLV2_X50,
        paper.DLV2_X101,
        paper.SEGFORMER_B4,
        paper.SEGFORMER_B3,
        paper.DLV3P_B5,
        paper.SEGFORMER_R101,
        paper.DAFORMER_CONV1,
        paper.DAFORMER_ISA,
        paper.DAFORMER_BOTTLENECK,
        paper.DAFORMER_ASPP,
        paper.DAFORMER,
        paper.UPERNET,
        paper.UPERNET_256,
    )
    runs = paper.runs(exp, networks, (paper.TARGET_ONLY,), seeds=(0,))
    short: dict[str, Any] = {'max_iters': 2, 'checkpoint_interval': 2, 'evaluation_interval': 100}
    return [replace(run, **short, published=NOT_PUBLISHED) for run in runs]

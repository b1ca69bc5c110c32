"""HRDA with other methods of adaptation, on DeepLabV2."""

from collections.abc import Sequence
from typing import Any

from mmseg.config import hrda_runs as hrda
from mmseg.config.experiment import Run

EXP = '41'


def rows(exp: str) -> Sequence[Run]:
    """HRDA with AdvSeg, MinEnt, DACS and DAFormer on DeepLabV2, each without it at half resolution too."""
    network = {'decoder': 'dlv2red', 'slide': False}
    methods: list[dict[str, Any]] = [
        {'method': method, 'rare': False, 'margins': False, 'coloured': True} for method in ('advseg', 'minent')
    ]
    methods += [{'method': 'dacs', 'rare': False, 'margins': False}, {'method': hrda.DAFORMER}]
    both = []
    for method in methods:
        half, full = (hrda.COLOURED_HALF, hrda.COLOURED) if 'coloured' in method else (hrda.GTA_HALF, hrda.GTA)
        both += [{**network, **method, 'pair': half, 'views': None}, {**network, **method, 'pair': full}]
    return hrda.seeded(exp, both)

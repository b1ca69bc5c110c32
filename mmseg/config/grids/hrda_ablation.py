"""Sizes of HRDA's two views, and its components."""

from collections.abc import Sequence
from typing import Any

from mmseg.config import hrda_runs as hrda
from mmseg.config.experiment import Run

EXP = '44'


def rows(exp: str) -> Sequence[Run]:
    """HRDA: sizes of context and detail crop, components, weight of the detail loss, scale of the context."""
    views = hrda.Views
    variants: list[dict[str, Any]] = [
        {'sync_crop': 512, 'views': views()},
        {'sync_crop': 768, 'views': views()},
        {'views': views(crop=256)},
        {'views': views(crop=384)},
        {'sync_crop': 768, 'views': views(crop=384)},
        {'pair': hrda.GTA_HALF, 'views': views(crop=256, context_scale=1)},
        {'views': views(blurred=True)},
        {'views': views(detail_weight=0, fixed_attention=True, overlapping=False)},
        {'views': views(detail_weight=0, overlapping=False)},
        *({'views': views(detail_weight=weight)} for weight in (0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)),
        *({'sync_crop': 512, 'views': views(context_scale=scale)} for scale in (0.25, 0.75)),
    ]
    return hrda.seeded(exp, [{'pair': hrda.GTA, 'method': hrda.DAFORMER, **variant} for variant in variants])

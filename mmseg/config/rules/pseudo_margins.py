"""Margins of the target without pseudo-labels: where the published runs of HRDA say them, and what they exclude."""

from collections.abc import Iterator
from typing import Any

from mmseg.config.rules import across_sections, old_spelling, value_at


@old_spelling
def _of_the_target(values: dict[str, Any]) -> list[str]:
    target = value_at(values, 'data.train.target')
    if not isinstance(target, dict) or 'crop_pseudo_margins' not in target:
        return []
    margins = target.pop('crop_pseudo_margins')
    if margins is None:
        return ['data.train.target.crop_pseudo_margins dropped (None is what there is)']
    values['data']['train']['pseudo_margins'] = margins
    return ['data.train.target.crop_pseudo_margins is now data.train.pseudo_margins']


@across_sections
def _rows_or_margins(values: dict[str, Any]) -> Iterator[str]:
    rows = [key for key in ('top', 'bottom') if value_at(values, f'uda.pseudo_weight_ignore_{key}')]
    if rows and value_at(values, 'data.train.pseudo_margins') is not None:
        yield (
            f'data.train.pseudo_margins and uda.pseudo_weight_ignore_{rows[0]} both say whose pseudo-labels do not '
            'count, the one of the file, the other of every crop: keep one.'
        )

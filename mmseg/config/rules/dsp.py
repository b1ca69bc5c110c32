"""What is taken from DSP: long-tail paste, a second source image, queues of the MMD terms."""

from collections.abc import Iterator
from typing import Any

from mmseg.config.rules import across_sections, value_at


@across_sections
def _pasted_and_drawn(values: dict[str, Any]) -> Iterator[str]:
    uda = values.get('uda') or {}
    drawn = value_at(values, 'data.train.long_tail_paste') is not None
    pasted = uda.get('soft_paste', uda.get('type') == 'DSP')
    if pasted and not drawn:
        yield 'uda.soft_paste needs data.train.long_tail_paste=dict(classes=[...]), from which the loader draws.'
    if drawn and not pasted:
        yield "data.train.long_tail_paste draws what nobody pastes: set uda.type='DACSPlus' and uda.soft_paste=True."
    if uda.get('type') == 'DSP' and not value_at(values, 'data.train.second_source'):
        yield "uda.type='DSP' pastes from a second source image: set data.train.second_source=True."


@across_sections
def _queues_hold_a_batch(values: dict[str, Any]) -> Iterator[str]:
    batch = value_at(values, 'data.samples_per_gpu')
    for key in ('uda.mmd', 'uda.masked_mmd'):
        queue = value_at(values, f'{key}.queue')
        if isinstance(queue, int) and isinstance(batch, int) and 0 < queue < batch:
            yield f'{key}.queue is {queue}, which is less than a batch (data.samples_per_gpu={batch}); 0 = no queue.'

"""What each process of a run has for itself, as part of the run's one checkpoint.

Weights and the optimizer's state are the same everywhere and saved once, by the first process. Buffers (statistics
of batch norms, queues of a method), sums for the log, and gradients that wait for more to be added are not: without
them a resumed run would go another way.
"""

from collections.abc import Iterable
from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size
from torch import Tensor, nn

from mmseg.engine.distributed import gather_on_main

PARTS = 'processes'


def add_own_parts(state: dict[str, Any], model: nn.Module, *, gradients_wait: bool) -> None:
    """Complete the ``state`` of the first process by what the others have for themselves."""
    if get_world_size() == 1:
        return
    buffers = state['state_dict'].keys() - {name for name, _ in model.named_parameters()}
    parts = gather_on_main(_own_part(state, sorted(buffers), gradients_wait=gradients_wait))
    if parts:
        state[PARTS] = [_reduced(part, parts[0]) if rank else {} for rank, part in enumerate(parts)]


def take_own_part(state: dict[str, Any]) -> dict[str, Any]:
    """The ``state`` as this process left it."""
    parts = state.get(PARTS)
    if not parts or not get_rank():
        return state
    own = parts[get_rank()]
    optimizer = state['optimizer']
    if 'gradients' in own:
        optimizer = {**optimizer, 'gradients': own['gradients']}
    log = {'log': own['log']} if 'log' in own else {}
    return {**state, **log, 'state_dict': {**state['state_dict'], **own['buffers']}, 'optimizer': optimizer}


def _own_part(state: dict[str, Any], buffers: Iterable[str], *, gradients_wait: bool) -> dict[str, Any]:
    own: dict[str, Any] = {'buffers': {name: state['state_dict'][name].cpu() for name in buffers}}
    if 'log' in state:
        own['log'] = state['log']
    if gradients_wait:
        own['gradients'] = [None if g is None else g.cpu() for g in state['optimizer'].get('gradients', ())]
    return own


def _reduced(own: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    """``own`` without the buffers that are those of the ``first`` process."""
    kept = {name: value for name, value in own['buffers'].items() if not _same(value, first['buffers'][name])}
    return {**own, 'buffers': kept}


def _same(value: Tensor, other: Tensor) -> bool:
    return value.shape == other.shape and torch.equal(value, other)

"""Whether all numbers of a state are numbers, asked of the device once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

NamedTensors = Iterable[tuple[str, Tensor]]


@torch.no_grad()
def not_finite(named: NamedTensors) -> list[str]:
    """The names of the tensors that hold a NaN or an infinity, in their order; whole numbers never do.

    One fused sum of magnitudes for all tensors of a kind and one wait for the device, which is all that it takes
    when everything is finite. A sum may overflow where no addend is infinite, so what looks bad is looked at closely.
    """
    kinds = defaultdict(list)
    numbers = [(name, tensor.detach()) for name, tensor in named if tensor.is_floating_point() and tensor.numel()]
    for name, tensor in numbers:
        kinds[tensor.device, tensor.dtype].append((name, tensor))
    suspects: set[str] = set()
    for group in kinds.values():
        sums = torch.stack(torch._foreach_norm([tensor for _, tensor in group], 1))
        suspects.update(name for (name, _), fine in zip(group, sums.isfinite().tolist(), strict=True) if not fine)
    return [name for name, tensor in numbers if name in suspects and not tensor.isfinite().all()]


def tensors_of(checkpoint: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that training goes on from, by a name for people: networks, optimizer, waiting gradients.

    Gradients that wait under fp16 are left out: they are scaled, and where they overflow the scaler skips the step.
    """
    yield from checkpoint['state_dict'].items()
    optimizer = checkpoint['optimizer']
    for number, values in optimizer.get('state', {}).items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                yield f'optimizer {name} of parameter {number}', value
    if not optimizer.get('loss_scaler'):
        for number, gradient in enumerate(optimizer.get('gradients', ())):
            if gradient is not None:
                yield f'waiting gradient of parameter {number}', gradient

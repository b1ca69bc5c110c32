"""Whether all numbers of networks are numbers, asked of the device once."""

from collections import defaultdict
from collections.abc import Iterable

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


def is_plain(value: Tensor) -> bool:
    """Whether a tensor has its values with it, one a place: not sparse, quantised, complex, nor a shape alone."""
    stored = value.layout is torch.strided and not value.is_meta
    return stored and not value.is_quantized and not value.is_complex()

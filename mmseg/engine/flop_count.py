"""Counting operations so that the number is the network's and not the machine's."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


@contextmanager
def counted_flops(formulas: Mapping[Any, Callable[..., int]] | None = None) -> Iterator[FlopCounterMode]:
    """Count the FLOPs of what runs inside; attention is taken as the matrix products that it is.

    Which fused kernel does it otherwise depends on device and processor, and those of CPUs count as nothing: they have
    no formula in torch.

    Args:
        formulas: FLOPs by operator where torch's own formula does not do.
    """
    counter = FlopCounterMode(display=False, custom_mapping=dict(formulas or {}))
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False, custom_mapping=dict(formulas or {})) as counter,
        ):
            yield counter
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)

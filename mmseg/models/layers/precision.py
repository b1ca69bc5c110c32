"""What precision layers compute in."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def as_for_products(x: Tensor) -> Tensor:
    """``x`` in the precision in which autocast hands it to products and convolutions.

    Where several of them read it, it is then cast once, and so is the sum of their gradients.
    """
    kind = x.device.type
    if x.dtype is not torch.float32 or not torch.amp.is_autocast_available(kind) or not torch.is_autocast_enabled(kind):
        return x
    return x.to(torch.get_autocast_dtype(kind))


def without_autocast(device: torch.device) -> AbstractContextManager:
    """Autocast off; nothing to do on a device that has none."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)

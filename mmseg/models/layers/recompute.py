"""Trading time for memory: activations that are computed again in the backward pass."""

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def run_block(block: nn.Module, *inputs: Any, with_cp: bool) -> Any:
    """``block(*inputs)``; ``with_cp`` keeps only the inputs and recomputes the rest when gradients are needed."""
    if with_cp and torch.is_grad_enabled():
        return checkpoint(block, *inputs, use_reentrant=False)
    return block(*inputs)

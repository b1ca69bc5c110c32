"""What several processes have to agree on. With one process nothing here does anything."""

from collections.abc import Iterable

import torch
from mmengine import dist
from torch import nn


@torch.no_grad()
def broadcast_module(module: nn.Module) -> None:
    """Give every process the parameters and buffers of the first one."""
    if dist.get_world_size() == 1:
        return
    for tensor in (*module.parameters(), *module.buffers()):
        dist.broadcast(tensor.data)


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over all processes, in one message."""
    if dist.get_world_size() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    dist.all_reduce_params(gradients, coalesce=True, op='mean')

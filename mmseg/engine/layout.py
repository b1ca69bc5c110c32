"""Weights in the memory layout in which a GPU's kernels read them."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mmseg.models.networks import networks_of


def lay_out_weights(model: nn.Module) -> None:
    """Let the convolutions of networks whose maps are channels last have such weights too, in place.

    A GPU's library would turn them in every pass, and the gradients back. Numbers stay, and state dicts with them: a
    file says how it lies, and whoever reads it copies number by number.

    Args:
        model: a segmentor or a UDA method, before its optimizer is built.
    """
    for network in networks_of(model):
        if getattr(getattr(network.module, 'backbone', None), 'channels_last', False):
            for module in network.module.modules():
                if isinstance(module, nn.Conv2d):
                    module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


def layout_of(tensor: Tensor) -> list[int]:
    """How far apart neighbours lie, in every direction that has some."""
    return [stride for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]


def laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """``value``, of the shape of ``parameter``, on its device and in its layout; itself where it is so already."""
    if value.device == parameter.device and layout_of(value) == layout_of(parameter):
        return value
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def lay_out_moments(optimizer: torch.optim.Optimizer, names: Iterable[str]) -> None:
    """Give what the ``optimizer`` keeps of each parameter under ``names`` the parameter's layout.

    Its update of all parameters at once takes no others.
    """
    for parameter, kept in optimizer.state.items():
        for name in kept.keys() & set(names):
            if kept[name] is not None:
                kept[name] = laid_out_as(parameter, kept[name])

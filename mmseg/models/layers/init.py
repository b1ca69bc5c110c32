"""Random initialisation of networks that start without pretrained weights."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmseg.errors import InputError, nearest

#: no normal number that torch draws in fp32 lies further out
FARTHEST = 6


@torch.no_grad()
def draw_normal_(values: Tensor, *, std: float = 0.02) -> None:
    """Fill ``values`` with normal numbers of mean 0, as ``nn.init.trunc_normal_`` does.

    That of older torch (2.7) inverts the distribution, and draws its bound, -2 whatever ``std`` is, some times in 10**8
    numbers: a weight of a large network is then a hundred standard deviations off. It is brought to six.
    """
    nn.init.trunc_normal_(values, std=std)
    values.clamp_(-FARTHEST * std, FARTHEST * std)


def init_vision_transformer(module: nn.Module) -> None:
    """For ``network.apply``: linear layers truncated normal of std 0.02, convolutions He-normal over the fan-out."""
    if isinstance(module, nn.Linear):
        draw_normal_(module.weight)
    elif isinstance(module, nn.Conv2d):
        fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2.0 / fan_out))
    elif isinstance(module, nn.LayerNorm):
        nn.init.ones_(module.weight)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def init_from_cfg(module: nn.Module, cfg: Mapping) -> None:
    """Apply ``dict(type='Normal', std=0.01, override=dict(name='conv_seg'))`` to that part of ``module``.

    Without ``override``, to all of it. Convolutions and linear layers draw their weights from N(mean, std) and set
    their biases to ``bias``.

    Raises:
        InputError: another type, an unknown key, or an override that names no part of ``module``.
    """
    settings = dict(cfg)
    if settings.pop('type', None) != 'Normal':
        raise InputError(f"init_cfg of {type(module).__name__}: only type='Normal' is known, got {dict(cfg)}")
    override = dict(settings.pop('override', None) or {})
    name = override.pop('name', None)
    override.pop('type', None)
    settings |= override
    for key in settings.keys() - {'mean', 'std', 'bias'}:
        raise InputError(f'init_cfg of {type(module).__name__}: no key {key!r}.{nearest(key, ("mean", "std", "bias"))}')
    _init_normal(_part(module, name), **settings)


def _part(module: nn.Module, name: str | None) -> nn.Module:
    children = dict(module.named_children())
    if name is None:
        return module
    if name not in children:
        raise InputError(f'init_cfg: {type(module).__name__} has no part {name!r}.{nearest(name, children)}')
    return children[name]


def _init_normal(module: nn.Module, *, mean: float = 0.0, std: float = 1.0, bias: float = 0.0) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, mean, std)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, bias)

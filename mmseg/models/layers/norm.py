"""Normalisation layers by their config."""

from functools import partial

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg.errors import InputError, nearest
from mmseg.models.layers.precision import without_autocast


class SyncBatchNorm(nn.SyncBatchNorm):
    """Batch norm over all processes; an ordinary batch norm where there is one process or no GPU."""

    def forward(self, input: Tensor) -> Tensor:
        if input.is_cuda and distributed.is_available() and distributed.is_initialized():
            return super().forward(input)
        return _BatchNorm.forward(self, input)


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of maps (B, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class OwnPrecisionNorm(nn.LayerNorm):
    """Layer norm in the precision of its input, for what lies between two layers in half precision.

    Autocast would cast to full precision and back, there and on the way back too. Sums are taken in full precision all
    the same; weights are rounded like those of the layers around it.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dtype is torch.float32:
            return super().forward(input)
        weight, bias = (None if x is None else x.to(input.dtype) for x in (self.weight, self.bias))
        with without_autocast(input.device):
            return F.layer_norm(input, self.normalized_shape, weight, bias, self.eps)


#: type in a config -> (name of the layer inside a ConvModule, class)
NORMS: dict[str, tuple[str, type[nn.Module]]] = {
    'BN': ('bn', nn.BatchNorm2d),
    'BN2d': ('bn', nn.BatchNorm2d),
    'SyncBN': ('bn', SyncBatchNorm),
    'GN': ('gn', nn.GroupNorm),
    'LN': ('ln', nn.LayerNorm),
}


def refuse_synchronised(model: nn.Module) -> None:
    """Refuse layers that could not do what they say where several processes train on CPUs.

    Raises:
        InputError: there is a :class:`SyncBatchNorm` in ``model``.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.SyncBatchNorm):
            raise InputError(
                f"{name} is a norm of type 'SyncBN': its statistics over all processes need GPUs. Here the processes "
                "run on CPUs: set norm_cfg.type='BN' (statistics of each process's own samples), or use one process."
            )


def build_norm(cfg: dict, channels: int) -> tuple[str, nn.Module]:
    """``dict(type='BN', requires_grad=True, eps=...)`` -> (its short name, the layer over ``channels``).

    Raises:
        InputError: an unknown type, or ``GN`` without ``num_groups``.
    """
    arguments = dict(cfg)
    kind = arguments.pop('type', None)
    if kind not in NORMS:
        raise InputError(f'norm_cfg: {kind!r} is not a known normalisation.{nearest(str(kind), NORMS)}')
    requires_grad = arguments.pop('requires_grad', True)
    name, layer = NORMS[kind]
    if layer is nn.GroupNorm:
        if 'num_groups' not in arguments:
            raise InputError("norm_cfg: type='GN' needs num_groups.")
        layer = partial(layer, arguments.pop('num_groups'))  # type: ignore[assignment]
    norm = layer(channels, **arguments)
    for parameter in norm.parameters():
        parameter.requires_grad = requires_grad
    return name, norm

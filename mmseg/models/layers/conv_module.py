"""Convolution, normalisation and activation as one layer, with the parameter names of published checkpoints."""

from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.models.layers.activation import build_activation
from mmseg.models.layers.conv import Conv2d
from mmseg.models.layers.norm import build_norm

RELU = {'type': 'ReLU'}


class ConvModule(nn.Module):
    """``conv`` -> norm (named ``bn``, ``gn`` or ``ln``) -> ``activate``; (B, in, H, W) -> (B, out, H', W').

    ``norm_cfg=None`` leaves the norm out and gives the convolution a bias; ``act_cfg=None`` leaves the activation out.
    Weights start from He's normal distribution over the fan-out.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = RELU,
    ) -> None:
        super().__init__()
        self.conv = Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias=norm_cfg is None
        )
        self.norm_name: str | None = None
        if norm_cfg is not None:
            self.norm_name, norm = build_norm(norm_cfg, out_channels)
            self.add_module(self.norm_name, norm)
        self.activate = build_activation(act_cfg) if act_cfg is not None else nn.Identity()
        nn.init.kaiming_normal_(self.conv.weight, mode='fan_out', nonlinearity='relu')
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.norm_name is not None:
            norm = getattr(self, self.norm_name)
            if self.training and isinstance(norm, nn.BatchNorm2d) and x.shape[0] * x.shape[2] * x.shape[3] == 1:
                raise InputError(
                    'Batch norm behind global pooling has one value per channel in a batch of 1: set '
                    "data.samples_per_gpu=2 (or more), or another norm_cfg: dict(type='GN', num_groups=32), or "
                    "dict(type='SyncBN') on several GPUs."
                )
            x = norm(x)
        return self.activate(x)


class DepthwiseSeparableConvModule(nn.Module):
    """A convolution per channel, then one over channels (Chollet, 'Xception'); each with norm and activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = RELU,
    ) -> None:
        super().__init__()
        self.depthwise_conv = ConvModule(
            in_channels,
            in_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=in_channels,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
        )
        self.pointwise_conv = ConvModule(in_channels, out_channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise_conv(self.depthwise_conv(x))

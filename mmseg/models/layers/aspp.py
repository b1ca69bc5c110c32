"""Atrous spatial pyramid pooling: context from several dilation rates."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.models.layers.conv_module import ConvModule, DepthwiseSeparableConvModule
from mmseg.models.layers.resize import resize


class ASPP(nn.Module):
    """Parallel convolutions of several dilation rates, fused by a 3x3 one (Chen et al., 'DeepLab'; DAFormer, sec. 3.2).

    Args:
        in_channels: channels of the input map.
        channels: channels of every branch and of the output.
        sep: the dilated 3x3 branches are depthwise separable (rate 1 is an ordinary 1x1 convolution).
        dilations: one rate per branch.
        pool: one more branch, the mean of the whole map.
        context_layer: one more branch of ``channels`` outputs, e.g. self-attention.
        norm_cfg: normalisation of every convolution.
        act_cfg: activation of every convolution.
        align_corners: how the pooled and context branches are resized to the map.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        sep: bool = False,
        dilations: Sequence[int] = (1, 6, 12, 18),
        pool: bool = False,
        context_layer: nn.Module | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        style: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.image_pool = (
            nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvModule(in_channels, channels, 1, **style)) if pool else None
        )
        self.context_layer = context_layer
        self.aspp_modules = nn.ModuleList(
            _branch(in_channels, channels, dilation, sep=sep, **style) for dilation in dilations
        )
        branches = len(dilations) + pool + (context_layer is not None)
        self.bottleneck = ConvModule(branches * channels, channels, 3, padding=1, **style)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, channels, H, W)."""
        size = (x.shape[2], x.shape[3])
        context = [layer(x) for layer in (self.image_pool, self.context_layer) if layer is not None]
        branches = [resize(branch, size, align_corners=self.align_corners) for branch in context]
        branches += [branch(x) for branch in self.aspp_modules]
        return self.bottleneck(torch.cat(branches, dim=1))


def _branch(in_channels: int, channels: int, dilation: int, *, sep: bool, **style: Any) -> nn.Module:
    if dilation == 1:
        return ConvModule(in_channels, channels, 1, **style)
    kind = DepthwiseSeparableConvModule if sep else ConvModule
    return kind(in_channels, channels, 3, padding=dilation, dilation=dilation, **style)

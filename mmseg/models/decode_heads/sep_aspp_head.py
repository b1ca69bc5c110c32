"""The decoder of DeepLabV3+ (Chen et al., 2018)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.config.values import Whole
from mmseg.models.decode_heads.aspp_head import ASPPHead
from mmseg.models.layers import ConvModule, DepthwiseSeparableConvModule, resize
from mmseg.registry import MODELS


@MODELS.register_module()
class DepthwiseSeparableASPPHead(ASPPHead):
    """ASPP of depthwise separable convolutions, refined with the details of the first stage.

    Args:
        c1_in_channels: channels of the first stage; 0 leaves it out.
        c1_channels: channels it is reduced to.
        **aspp: see :class:`ASPPHead`.
    """

    separable = True

    def __init__(self, *, c1_in_channels: Whole, c1_channels: int, **aspp: Any) -> None:
        super().__init__(**aspp)
        style: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        details = c1_channels if c1_in_channels > 0 else 0
        self.c1_bottleneck = ConvModule(c1_in_channels, c1_channels, 1, **style) if details else None
        self.sep_bottleneck = nn.Sequential(
            *(
                DepthwiseSeparableConvModule(inputs, self.channels, 3, padding=1, **style)
                for inputs in (self.channels + details, self.channels)
            )
        )

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Features of all stages -> (B, channels, h, w) at the size of the first stage."""
        x = self.context(features)
        if self.c1_bottleneck is not None:
            details = self.c1_bottleneck(features[0])
            size = (details.shape[2], details.shape[3])
            x = torch.cat([resize(x, size, align_corners=self.align_corners), details], dim=1)
        return self.sep_bottleneck(x)

"""The decoder of PSPNet (Zhao et al., 2017)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmseg.config.values import Count
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.layers import ConvModule
from mmseg.models.layers.pyramid_pooling import PyramidPooling
from mmseg.registry import MODELS

POOL_SCALES = (1, 2, 3, 6)


@MODELS.register_module()
class PSPHead(BaseDecodeHead):
    """Averages over grids of several sizes, fused with the map they come from.

    Args:
        pool_scales: cells per side of each grid.
        **head: see :class:`BaseDecodeHead`.
    """

    def __init__(self, *, pool_scales: Sequence[Count] = POOL_SCALES, **head: Any) -> None:
        super().__init__(**head)
        inputs = self.map_channels()
        style: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.psp_modules = PyramidPooling(
            pool_scales=pool_scales,
            in_channels=inputs,
            channels=self.channels,
            align_corners=self.align_corners,
            **style,
        )
        self.bottleneck = ConvModule(inputs + len(pool_scales) * self.channels, self.channels, 3, padding=1, **style)

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Features of all stages -> (B, channels, h, w) at the size of the one read."""
        x = self.transform_inputs(features)
        return self.bottleneck(torch.cat([x, *self.psp_modules(x)], dim=1))

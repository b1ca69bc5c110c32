"""The decoder of ISANet (Huang et al., 2019): interlaced sparse self-attention."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmseg.config.values import Count
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.layers import ConvModule
from mmseg.models.layers.isa import SelfAttentionBlock, interlace
from mmseg.registry import MODELS


@MODELS.register_module()
class ISAHead(BaseDecodeHead):
    """Attention over long and then over short range, fused with the map it comes from.

    Args:
        isa_channels: channels of keys and queries.
        down_factor: (height, width) of the blocks, in pixels of the map.
        **head: see :class:`BaseDecodeHead`.
    """

    def __init__(self, *, isa_channels: Count, down_factor: Sequence[Count] = (8, 8), **head: Any) -> None:
        super().__init__(**head)
        self.down_factor = (down_factor[0], down_factor[1])
        style: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.in_conv = ConvModule(self.map_channels(), self.channels, 3, padding=1, **style)
        self.global_relation, self.local_relation = (
            SelfAttentionBlock(
                in_channels=self.channels,
                key_channels=isa_channels,
                out_channels=self.channels,
                num_convs=2,
                **style,
            )
            for _ in range(2)
        )
        self.out_conv = ConvModule(2 * self.channels, self.channels, 1, **style)

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Features of all stages -> (B, channels, h, w) at the size of the one read."""
        x = self.in_conv(self.transform_inputs(features))
        context = interlace(x, self.down_factor, self.global_relation, self.local_relation)
        return self.out_conv(torch.cat([context, x], dim=1))

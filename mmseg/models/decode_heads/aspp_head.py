"""The decoder of DeepLabV3 (Chen et al., 2017)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmseg.config.values import Count
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.layers import ASPP, resize
from mmseg.registry import MODELS


@MODELS.register_module()
class ASPPHead(BaseDecodeHead):
    """Context from several dilation rates and from the mean of the whole map.

    Args:
        dilations: one rate per branch.
        **head: see :class:`BaseDecodeHead`.
    """

    separable = False

    def __init__(self, *, dilations: Sequence[Count] = (1, 6, 12, 18), **head: Any) -> None:
        super().__init__(**head)
        aspp = ASPP(
            in_channels=self.map_channels(),
            channels=self.channels,
            sep=self.separable,
            dilations=dilations,
            pool=True,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
            align_corners=self.align_corners,
        )
        # published checkpoints name the parts without a prefix
        self.image_pool, self.aspp_modules, self.bottleneck = aspp.image_pool, aspp.aspp_modules, aspp.bottleneck

    def context(self, features: Sequence[Tensor]) -> Tensor:
        """Features of all stages -> (B, channels, h, w) at the size of the one read."""
        x = self.transform_inputs(features)
        assert self.image_pool is not None
        pooled = resize(self.image_pool(x), (x.shape[2], x.shape[3]), align_corners=self.align_corners)
        return self.bottleneck(torch.cat([pooled, *(branch(x) for branch in self.aspp_modules)], dim=1))

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Features of all stages -> (B, channels, h, w) at the size of the one read."""
        return self.context(features)

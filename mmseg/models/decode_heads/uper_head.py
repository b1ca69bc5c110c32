"""The decoder of UPerNet (Xiao et al., 2018): a feature pyramid with pooled context on top."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mmseg.config.values import Count
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.decode_heads.psp_head import POOL_SCALES
from mmseg.models.layers import ConvModule, resize
from mmseg.models.layers.pyramid_pooling import PyramidPooling
from mmseg.registry import MODELS


@MODELS.register_module()
class UPerHead(BaseDecodeHead):
    """Context from averages of the last stage flows down to the finer ones; all levels are fused at the finest.

    Args:
        pool_scales: cells per side of each grid of averages.
        input_transform: each stage is read on its own.
        **head: see :class:`BaseDecodeHead`.
    """

    def __init__(
        self,
        *,
        pool_scales: Sequence[Count] = POOL_SCALES,
        input_transform: Literal['multiple_select'] = 'multiple_select',
        **head: Any,
    ) -> None:
        super().__init__(input_transform=input_transform, **head)
        *finer, last = self.stages()[1]
        style: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        self.psp_modules = PyramidPooling(
            pool_scales=pool_scales,
            in_channels=last,
            channels=self.channels,
            align_corners=self.align_corners,
            **style,
        )
        self.bottleneck = ConvModule(last + len(pool_scales) * self.channels, self.channels, 3, padding=1, **style)
        self.lateral_convs = nn.ModuleList(ConvModule(inputs, self.channels, 1, **style) for inputs in finer)
        self.fpn_convs = nn.ModuleList(ConvModule(self.channels, self.channels, 3, padding=1, **style) for _ in finer)
        self.fpn_bottleneck = ConvModule((len(finer) + 1) * self.channels, self.channels, 3, padding=1, **style)

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Stage features, finest first -> (B, channels, h, w) at the size of the finest."""
        *finer, last = stages = self.select(features)
        levels = [self.bottleneck(torch.cat([last, *self.psp_modules(last)], dim=1))]  # coarsest first
        for lateral, feature in zip(reversed(self.lateral_convs), reversed(finer), strict=True):
            levels.append(lateral(feature) + self._resize(levels[-1], feature))
        pyramid = [conv(level) for conv, level in zip(self.fpn_convs, reversed(levels[1:]), strict=True)]
        pyramid = [self._resize(level, stages[0]) for level in (*pyramid, levels[0])]
        return self.fpn_bottleneck(torch.cat(pyramid, dim=1))

    def _resize(self, x: Tensor, like: Tensor) -> Tensor:
        return resize(x, (like.shape[2], like.shape[3]), align_corners=self.align_corners)

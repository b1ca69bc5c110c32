"""The decoder of SegFormer in OpenMMLab's form, for its trained networks."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.layers import ConvModule, resize
from mmseg.registry import MODELS


@MODELS.register_module()
class SegformerHead(BaseDecodeHead):
    """Embed every stage with a 1x1 convolution (norm, ReLU), resize all to the first, and fuse them with another.

    Unlike the paper's :class:`SegFormerHead` it has a norm and an activation in each embedding, which makes it another
    function with other weights. ``channels`` is the width of both.

    Args:
        interpolate_mode: of the embeddings: 'bilinear', the only one.
        input_transform: each stage is read on its own.
        **head: see :class:`BaseDecodeHead`.
    """

    def __init__(
        self,
        *,
        interpolate_mode: Literal['bilinear'] = 'bilinear',
        input_transform: Literal['multiple_select'] = 'multiple_select',
        **head: Any,
    ) -> None:
        super().__init__(input_transform=input_transform, **head)
        del interpolate_mode
        style: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        inputs = self.stages()[1]
        self.convs = nn.ModuleList(ConvModule(channels, self.channels, 1, **style) for channels in inputs)
        self.fusion_conv = ConvModule(self.channels * len(inputs), self.channels, 1, **style)

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Stage features, finest first -> (B, channels, H/4, W/4)."""
        selected = self.select(features)
        size = (selected[0].shape[2], selected[0].shape[3])
        embedded = [
            resize(conv(feature), size, align_corners=self.align_corners)
            for conv, feature in zip(self.convs, selected, strict=True)
        ]
        return self.fusion_conv(torch.cat(embedded, dim=1))

"""The all-MLP decoder of SegFormer (Xie et al., 2021, sec. 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mmseg.models.decode_heads.decode_head import BaseDecodeHead, head_settings
from mmseg.models.layers import ConvModule, LinearEmbedding, resize
from mmseg.registry import MODELS


@dataclass(frozen=True, kw_only=True)
class DecoderParams:
    """Settings of the decoder.

    Args:
        embed_dim: channels of every embedding and in front of the classifier.
        conv_kernel_size: kernel of the convolution that fuses the embeddings.
    """

    embed_dim: int
    conv_kernel_size: int = 1


@MODELS.register_module()
class SegFormerHead(BaseDecodeHead):
    """Embed every stage linearly, resize all to the first one, and fuse them with one convolution.

    Predicts with its own classifier ``linear_pred``; ``conv_seg`` is unused, but is part of published checkpoints.

    Args:
        decoder_params: keys as in :class:`DecoderParams`.
        input_transform: each stage is read on its own.
        **head: see :class:`BaseDecodeHead`.
    """

    def __init__(
        self, *, decoder_params: Mapping, input_transform: Literal['multiple_select'] = 'multiple_select', **head: Any
    ) -> None:
        super().__init__(input_transform=input_transform, **head)
        params = head_settings(decoder_params, DecoderParams)
        stages, inputs = self.stages()
        self.linear_c = nn.ModuleDict(
            {
                str(stage): LinearEmbedding(in_channels, params.embed_dim)
                for stage, in_channels in zip(stages, inputs, strict=True)
            }
        )
        self.linear_fuse = ConvModule(
            params.embed_dim * len(stages),
            params.embed_dim,
            params.conv_kernel_size,
            padding=params.conv_kernel_size // 2,
            norm_cfg=self.norm_cfg,
        )
        self.linear_pred = nn.Conv2d(params.embed_dim, self.outputs, 1)

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Stage features, finest first -> (B, embed_dim, H/4, W/4)."""
        selected = self.select(features)
        size = (selected[0].shape[2], selected[0].shape[3])
        embedded = [
            resize(embed(feature), size, align_corners=self.align_corners)
            for embed, feature in zip(self.linear_c.values(), selected, strict=True)
        ]
        return self.linear_fuse(torch.cat(embedded, dim=1))

    def cls_seg(self, embedded: Tensor) -> Tensor:
        """What :meth:`embed` gives -> logits (B, classes, H/4, W/4)."""
        return self.of_classes(self.linear_pred(self.dropout(embedded)))

"""The context-aware feature fusion decoder of DAFormer (Hoyer et al., 2022, sec. 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead, head_settings
from mmseg.models.layers import build_layer, resize
from mmseg.registry import MODELS


@dataclass(frozen=True, kw_only=True)
class DecoderParams:
    """How the stages are embedded and fused; the layers are those of :func:`mmseg.models.layers.build_layer`.

    Args:
        embed_dims: channels of every embedding, or of each.
        embed_cfg: layer that embeds a stage.
        fusion_cfg: layer that fuses the concatenated embeddings.
        embed_neck_cfg: layer that embeds the last stage.
    """

    embed_dims: int | Sequence[int]
    embed_cfg: Mapping
    fusion_cfg: Mapping
    embed_neck_cfg: Mapping | Literal['same_as_embed_cfg'] = 'same_as_embed_cfg'

    def __post_init__(self) -> None:
        if isinstance(self.embed_neck_cfg, str) and self.embed_neck_cfg != 'same_as_embed_cfg':
            raise InputError(
                f"decoder_params.embed_neck_cfg must be a dict or 'same_as_embed_cfg', got {self.embed_neck_cfg!r}"
            )

    def dims(self, stages: int) -> list[int]:
        """Channels of the embedding of each stage."""
        dims = [self.embed_dims] * stages if isinstance(self.embed_dims, int) else list(self.embed_dims)
        if len(dims) != stages:
            raise InputError(f'decoder_params.embed_dims: {len(dims)} numbers for {stages} stages')
        return dims

    def embeddings(self, stages: int) -> list[Mapping]:
        """The layer config of each stage."""
        neck = self.embed_cfg if isinstance(self.embed_neck_cfg, str) else self.embed_neck_cfg
        return [self.embed_cfg] * (stages - 1) + [neck]


@MODELS.register_module()
class DAFormerHead(BaseDecodeHead):
    """Embed every stage, resize all to the first one, and fuse them with context from several dilation rates.

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
        dims = params.dims(len(stages))
        self.embed_layers = nn.ModuleDict(
            {
                str(stage): build_layer(cfg, in_channels, channels, align_corners=self.align_corners)
                for stage, in_channels, channels, cfg in zip(
                    stages, inputs, dims, params.embeddings(len(stages)), strict=True
                )
            }
        )
        self.fuse_layer = build_layer(params.fusion_cfg, sum(dims), self.channels, align_corners=self.align_corners)

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Stage features, finest first -> (B, channels, H/4, W/4)."""
        selected = self.select(features)
        size = (selected[0].shape[2], selected[0].shape[3])
        embedded = [
            resize(embed(feature), size, align_corners=self.align_corners)
            for embed, feature in zip(self.embed_layers.values(), selected, strict=True)
        ]
        return self.fuse_layer(torch.cat(embedded, dim=1))

"""The plain vision Transformer (Dosovitskiy et al., 2021) as an encoder for segmentation."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmseg.config.values import Count, Fraction, Positive
from mmseg.errors import InputError
from mmseg.models.backbones.base import Backbone
from mmseg.models.backbones.position import resize_position_embedding
from mmseg.models.backbones.vit_keys import to_vit
from mmseg.models.backbones.vit_layers import (
    LN,
    PatchTokens,
    block_indices,
    draw_transformer,
    grid_of,
    hide,
    to_map,
)
from mmseg.models.layers import DropPath, build_norm, drop_path_rates
from mmseg.models.layers.drop import DrawnPaths, draw_paths
from mmseg.models.layers.feed_forward import GELU, FeedForward
from mmseg.models.layers.init import draw_normal_
from mmseg.models.layers.recompute import run_block
from mmseg.models.weights import State
from mmseg.registry import MODELS


class SelfAttention(nn.Module):
    """PyTorch's attention of tokens to each other, under the name published checkpoints give it."""

    def __init__(self, *, channels: int, num_heads: int, qkv_bias: bool, attn_drop: float, drop: float) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(channels, num_heads, attn_drop, bias=qkv_bias, batch_first=True)
        self.proj_drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) -> the same."""
        return self.proj_drop(self.attn(x, x, x, need_weights=False)[0])


class Block(nn.Module):
    """Attention and feed-forward network, each normalised before and added to its input (eq. 2, 3)."""

    def __init__(
        self,
        *,
        channels: int,
        hidden: int,
        num_heads: int,
        qkv_bias: bool,
        drop: float,
        attn_drop: float,
        drop_path: float,
        act_cfg: dict,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.ln1 = build_norm(norm_cfg, channels)[1]
        self.attn = SelfAttention(
            channels=channels, num_heads=num_heads, qkv_bias=qkv_bias, attn_drop=attn_drop, drop=drop
        )
        self.ln2 = build_norm(norm_cfg, channels)[1]
        self.ffn = FeedForward(channels=channels, hidden=hidden, drop=drop, act_cfg=act_cfg)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, drawn: DrawnPaths | None = None) -> Tensor:
        """(B, N, C) -> the same."""
        x = self.drop_path.add(x, self.attn(self.ln1(x)), drawn, 0)
        return self.drop_path.add(x, self.ffn(self.ln2(x)), drawn, 1)


@MODELS.register_module()
class VisionTransformer(Backbone):
    """ViT: maps at 1/16 of the image (rounded up) from several blocks; the position embedding fits itself to any size.

    Args:
        img_size: side, or (height, width), of the images the position embedding is made for.
        patch_size: side of a patch.
        in_channels: channels of the image.
        embed_dims: channels of a token.
        num_layers: number of blocks.
        num_heads: attention heads.
        mlp_ratio: width of the feed-forward networks, in channels of a token.
        out_indices: blocks whose output is returned; -1 for the last.
        qkv_bias: queries, keys and values have a bias.
        drop_rate: dropout of tokens, behind projections and in the feed-forward networks.
        attn_drop_rate: dropout of the attention weights.
        drop_path_rate: stochastic depth of the last block; grows linearly from 0 over the blocks.
        with_cls_token: the patches attend to a class token too.
        norm_cfg: normalisation.
        act_cfg: activation of the feed-forward networks.
        patch_norm: a norm behind the patch embedding.
        final_norm: a norm behind the last block; the other outputs are taken before any.
        interpolate_mode: how the position embedding is resized.
        norm_eval: part of the schema; layer norms are the same in training and evaluation.
        mask_token: have a learnt token that stands for hidden ones, see :meth:`forward`.
        with_cp: recompute each block in the backward pass instead of keeping its activations.
        pretrained: file (or URL) of weights: OpenMMLab's, timm's or DeiT's.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``, the other spelling of ``pretrained``.
    """

    block_names = r'layers\.(?P<block>\d+)\.|(?P<end>ln1)'
    may_be_missing = ('mask_token',)
    ignored = ('head', 'head_dist', 'fc_norm', 'pre_logits', 'norm', 'ln1', 'mask_token')

    def __init__(
        self,
        *,
        img_size: Count | Sequence[Count] = 224,
        patch_size: Count = 16,
        in_channels: Count = 3,
        embed_dims: Count = 768,
        num_layers: Count = 12,
        num_heads: Count = 12,
        mlp_ratio: Positive = 4,
        out_indices: int | Sequence[int] = -1,
        qkv_bias: bool = True,
        drop_rate: Fraction = 0.0,
        attn_drop_rate: Fraction = 0.0,
        drop_path_rate: Fraction = 0.0,
        with_cls_token: bool = True,
        norm_cfg: dict = LN,
        act_cfg: dict = GELU,
        patch_norm: bool = False,
        final_norm: bool = False,
        interpolate_mode: str = 'bicubic',
        norm_eval: bool = False,
        mask_token: bool = False,
        with_cp: bool = False,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(pretrained=pretrained, init_cfg=init_cfg)
        del norm_eval
        if interpolate_mode not in ('bicubic', 'bilinear', 'nearest'):
            raise InputError(f"interpolate_mode must be 'bicubic', 'bilinear' or 'nearest', got {interpolate_mode!r}")
        self.interpolate_mode = interpolate_mode
        self.out_indices = block_indices(out_indices, num_layers)
        self.with_cls_token = with_cls_token
        self.with_cp = with_cp
        self.grid = grid_of(img_size, patch_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dims))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, embed_dims)) if mask_token else None
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid[0] * self.grid[1], embed_dims))
        self.drop_after_pos = nn.Dropout(drop_rate)
        self.patch_embed = PatchTokens(
            in_channels=in_channels,
            channels=embed_dims,
            patch_size=patch_size,
            norm_cfg=norm_cfg if patch_norm else None,
            pads=True,
        )
        self.layers = nn.ModuleList(
            Block(
                channels=embed_dims,
                hidden=int(mlp_ratio * embed_dims),
                num_heads=num_heads,
                qkv_bias=qkv_bias,
                drop=drop_rate,
                attn_drop=attn_drop_rate,
                drop_path=drop_path,
                act_cfg=act_cfg,
                norm_cfg=norm_cfg,
            )
            for drop_path in drop_path_rates(drop_path_rate, num_layers)
        )
        self.ln1 = build_norm(norm_cfg, embed_dims)[1] if final_norm else nn.Identity()

    def draw_weights(self) -> None:
        """As :func:`draw_transformer`; class token and positions truncated normal of std 0.02."""
        draw_transformer(self)
        draw_normal_(self.cls_token)
        if self.mask_token is not None:
            draw_normal_(self.mask_token)
        draw_normal_(self.pos_embed)

    def convert(self, state: State) -> State:
        """Known foreign names become ours; the position embedding is resized to our grid."""
        state = to_vit(state)
        if 'pos_embed' in state:
            state['pos_embed'] = self._resized(state['pos_embed'], self.grid)
        return state

    def patch_grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """(rows, columns) of the patches of an image of ``size`` (height, width)."""
        return self.patch_embed.grid(size)

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> list[Tensor]:
        """Image (B, 3, H, W) -> maps (B, C, H / patch, W / patch) from the blocks in ``out_indices``.

        ``hidden`` (B, 1, rows, columns) bool are the patches that the mask token stands for.
        """
        tokens, size = self.patch_embed(x)
        tokens = hide(tokens, hidden, self.mask_token)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], dim=1)
        tokens = self.drop_after_pos(tokens + self._resized(self.pos_embed, size))
        if not self.with_cls_token:
            tokens = tokens[:, 1:]
        features, drawn = [], draw_paths(self.layers, x)
        for i, block in enumerate(self.layers):
            tokens = run_block(block, tokens, drawn, with_cp=self.with_cp)
            if i == len(self.layers) - 1:
                tokens = self.ln1(tokens)
            if i in self.out_indices:
                features.append(to_map(tokens, size))
        return features

    def _resized(self, embedding: Tensor, size: tuple[int, int]) -> Tensor:
        """``embedding`` for a grid of ``size``; our own may be of any shape, a file's must be square."""
        if size == self.grid and embedding.shape == self.pos_embed.shape:
            return embedding
        return resize_position_embedding(embedding, size, num_extra=1, mode=self.interpolate_mode)

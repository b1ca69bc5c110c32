"""The Swin Transformer (Liu et al., 2021): attention in windows that shift from block to block."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.config.values import Count, Finite, Fraction, Positive
from mmseg.errors import InputError
from mmseg.models.backbones.base import Backbone, freeze
from mmseg.models.backbones.position import gather_bias, relative_position_index, resize_window_table, without_indices
from mmseg.models.backbones.swin_keys import to_swin
from mmseg.models.layers import DropPath, Linear, build_norm, drop_path_rates
from mmseg.models.layers.drop import DrawnPaths, draw_paths
from mmseg.models.layers.feed_forward import GELU, FeedForward
from mmseg.models.layers.init import draw_normal_
from mmseg.models.layers.pad import pad
from mmseg.models.layers.recompute import run_block
from mmseg.models.weights import State
from mmseg.registry import MODELS

LN = {'type': 'LN'}
ELSEWHERE = -100.0  # added to the scores of positions that only the shift has brought into a window


class PatchEmbed(nn.Module):
    """Non-overlapping patches, projected; (B, 3, H, W) -> (B, H / patch, W / patch, C), rounded up."""

    def __init__(self, *, in_channels: int, channels: int, patch_size: int, norm_cfg: dict | None) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.projection = nn.Conv2d(in_channels, channels, patch_size, patch_size)
        self.norm = build_norm(norm_cfg, channels)[1] if norm_cfg is not None else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = pad(x, (0, -x.shape[3] % self.patch_size, 0, -x.shape[2] % self.patch_size))
        return self.norm(self.projection(x).permute(0, 2, 3, 1))


class PatchMerging(nn.Module):
    """Every 2x2 positions become one of twice the channels; (B, H, W, C) -> (B, H / 2, W / 2, 2C), rounded up.

    The four neighbours are interleaved per channel: what is number ``4 * c + k`` is channel c of neighbour k, and
    k counts along rows first.
    """

    def __init__(self, *, channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.norm = build_norm(norm_cfg, 4 * channels)[1]
        self.reduction = Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        x = x.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).permute(0, 1, 3, 5, 2, 4).flatten(3)
        return self.reduction(self.norm(x))


class WindowAttention(nn.Module):
    """Self-attention inside each window, with a learnt bias for every relative position (sec. 3.2, eq. 4)."""

    def __init__(
        self,
        *,
        channels: int,
        num_heads: int,
        window_size: int,
        qkv_bias: bool,
        qk_scale: float | None,
        attn_drop: float,
        drop: float,
    ) -> None:
        super().__init__()
        window = (window_size, window_size)
        self.num_heads = num_heads
        self.scale = qk_scale
        self.attn_drop = attn_drop
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window_size - 1) ** 2, num_heads))
        self.register_buffer('relative_position_index', relative_position_index(window))
        self.qkv = Linear(channels, 3 * channels, bias=qkv_bias)
        self.proj = Linear(channels, channels)
        self.proj_drop = nn.Dropout(drop)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, windows, N, C) -> the same; ``mask`` (windows, N, N) is added to the scores."""
        batch, windows = x.shape[:2]
        qkv = self.qkv(x).unflatten(3, (3, self.num_heads, -1)).permute(3, 0, 1, 4, 2, 5)
        bias = gather_bias(self.relative_position_bias_table, self.relative_position_index)  # type: ignore[arg-type]
        if mask is None:  # one bias for all windows
            query, key, value = qkv.flatten(1, 2)
        else:  # windows differ, samples do not: windows and heads share the axis of the heads
            query, key, value = qkv.flatten(2, 3)
            bias = (bias + mask[:, None]).flatten(0, 1)
        dropout = self.attn_drop if self.training else 0.0
        context = F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias[None].to(query.dtype), dropout_p=dropout, scale=self.scale
        )
        context = context.reshape(batch, windows, self.num_heads, *context.shape[2:])
        return self.proj_drop(self.proj(context.transpose(2, 3).flatten(3)))


class ShiftedWindows(nn.Module):
    """Attention of a map in windows, which may be shifted against the grid.

    The map is padded with zeros at the bottom and the right until windows tile it; the padding takes part in the
    attention, as it did when the published weights were trained.
    """

    def __init__(self, *, window_size: int, shift: int, **attention: Any) -> None:
        super().__init__()
        self.window_size = window_size
        self.shift = shift
        self.w_msa = WindowAttention(window_size=window_size, **attention)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, H, W, C) -> the same; ``mask`` is :func:`shift_mask` of the padded map, for shifted windows."""
        height, width, side = x.shape[1], x.shape[2], self.window_size
        x = pad(x, (0, 0, 0, -width % side, 0, -height % side))
        if self.shift:
            x = x.roll((-self.shift, -self.shift), dims=(1, 2))
        rows, columns = x.shape[1] // side, x.shape[2] // side
        windows = x.unflatten(2, (columns, side)).unflatten(1, (rows, side)).transpose(2, 3)
        windows = self.w_msa(windows.flatten(3, 4).flatten(1, 2), mask if self.shift else None)
        windows = windows.unflatten(2, (side, side)).unflatten(1, (rows, columns))
        x = windows.transpose(2, 3).flatten(3, 4).flatten(1, 2)
        if self.shift:
            x = x.roll((self.shift, self.shift), dims=(1, 2))
        return x if x.shape[1:3] == (height, width) else x[:, :height, :width]


def shift_mask(size: tuple[int, int], window_size: int, shift: int, device: torch.device) -> Tensor:
    """What keeps apart positions that are neighbours only because of the cyclic shift.

    Args:
        size: (height, width) of the map, before padding.
        window_size: side of a window.
        shift: how far windows are shifted up and left.
        device: where the mask is needed.

    Returns:
        (windows, N, N): 0 between positions of the same region, else a large negative number.
    """
    regions = []
    for length in size:
        place = torch.arange(length + -length % window_size, device=device)
        last = len(place) - window_size
        regions.append((place >= last).long() + (place >= len(place) - shift).long())
    region = 3 * regions[0][:, None] + regions[1][None, :]
    region = region.unflatten(1, (-1, window_size)).unflatten(0, (-1, window_size))
    region = region.transpose(1, 2).flatten(2).flatten(0, 1)
    apart = region[:, :, None] != region[:, None, :]
    return torch.zeros(apart.shape, device=device).masked_fill(apart, ELSEWHERE)


class SwinBlock(nn.Module):
    """Windowed attention and a feed-forward network, each normalised before and added to its input (eq. 3)."""

    def __init__(
        self,
        *,
        channels: int,
        hidden: int,
        drop: float,
        drop_path: float,
        act_cfg: dict,
        norm_cfg: dict,
        **attention: Any,
    ) -> None:
        super().__init__()
        self.norm1 = build_norm(norm_cfg, channels)[1]
        self.attn = ShiftedWindows(channels=channels, drop=drop, **attention)
        self.norm2 = build_norm(norm_cfg, channels)[1]
        self.ffn = FeedForward(channels=channels, hidden=hidden, drop=drop, act_cfg=act_cfg)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, mask: Tensor | None, drawn: DrawnPaths | None = None) -> Tensor:
        """(B, H, W, C) -> the same."""
        x = self.drop_path.add(x, self.attn(self.norm1(x), mask), drawn, 0)
        return self.drop_path.add(x, self.ffn(self.norm2(x)), drawn, 1)


class SwinStage(nn.Module):
    """Blocks whose windows are shifted in every other one, and the merging behind them."""

    def __init__(
        self,
        *,
        channels: int,
        window_size: int,
        drop_paths: Sequence[float],
        merges: bool,
        with_cp: bool,
        norm_cfg: dict,
        **block: Any,
    ) -> None:
        super().__init__()
        self.window_size = window_size
        self.shift = window_size // 2
        self.with_cp = with_cp
        self.blocks = nn.ModuleList(
            SwinBlock(
                channels=channels,
                window_size=window_size,
                shift=self.shift * (i % 2),
                drop_path=drop_path,
                norm_cfg=norm_cfg,
                **block,
            )
            for i, drop_path in enumerate(drop_paths)
        )
        self.downsample = PatchMerging(channels=channels, norm_cfg=norm_cfg) if merges else None

    def forward(self, x: Tensor, drawn: DrawnPaths | None = None) -> tuple[Tensor, Tensor]:
        """(B, H, W, C) -> the same, and what the next stage starts from: (B, H / 2, W / 2, 2C), rounded up."""
        mask = shift_mask((x.shape[1], x.shape[2]), self.window_size, self.shift, x.device)
        for block in self.blocks:
            x = run_block(block, x, mask, drawn, with_cp=self.with_cp)
        return x, x if self.downsample is None else self.downsample(x)


@MODELS.register_module()
class SwinTransformer(Backbone):
    """Swin: four stages at 1/4, 1/8, 1/16 and 1/32 of the image (rounded up), a norm behind each.

    Args:
        pretrain_img_size: side of the images the absolute position embedding was made for.
        in_channels: channels of the image.
        embed_dims: channels of the first stage; they double from stage to stage.
        patch_size: side of a patch.
        window_size: side of a window, in positions of the map.
        mlp_ratio: width of the feed-forward networks, in channels of the stage.
        depths: blocks of each stage.
        num_heads: attention heads of each stage.
        strides: part of the schema; the patch size, then 2 for each merging.
        out_indices: stages whose output is returned.
        qkv_bias: queries, keys and values have a bias.
        qk_scale: factor of the attention scores; None for 1 / sqrt(channels of a head).
        patch_norm: a norm behind the patch embedding.
        drop_rate: dropout behind projections and in the feed-forward networks.
        attn_drop_rate: dropout of the attention weights.
        drop_path_rate: stochastic depth of the last block; grows linearly from 0 over the blocks.
        use_abs_pos_embed: add a learnt embedding of the absolute position, resized to the image.
        frozen_stages: the patch embedding (0) and the stages up to this number are not trained; -1: all are.
        act_cfg: activation of the feed-forward networks.
        norm_cfg: normalisation.
        with_cp: recompute each block in the backward pass instead of keeping its activations.
        pretrained: file (or URL) of ImageNet weights: ours, or Swin's or timm's own.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``, the other spelling of ``pretrained``.
    """

    # classification networks have one norm behind the last stage, if any; the others start fresh
    block_names = r'stages\.(?P<stage>\d)\.(?:blocks\.(?P<block>\d+)|(?P<end>downsample))|norm(?P<norm>\d)'
    may_be_missing = ('norm?', '*.relative_position_index')
    ignored = ('head', 'norm?', '*.attn_mask')

    def __init__(
        self,
        *,
        pretrain_img_size: Count | Sequence[Count] = 224,
        in_channels: Count = 3,
        embed_dims: Count = 96,
        patch_size: Count = 4,
        window_size: Count = 7,
        mlp_ratio: Positive = 4,
        depths: Sequence[Count] = (2, 2, 6, 2),
        num_heads: Sequence[Count] = (3, 6, 12, 24),
        strides: Sequence[Count] = (4, 2, 2, 2),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        qkv_bias: bool = True,
        qk_scale: Finite | None = None,
        patch_norm: bool = True,
        drop_rate: Fraction = 0.0,
        attn_drop_rate: Fraction = 0.0,
        drop_path_rate: Fraction = 0.1,
        use_abs_pos_embed: bool = False,
        frozen_stages: int = -1,
        act_cfg: dict = GELU,
        norm_cfg: dict = LN,
        with_cp: bool = False,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(pretrained=pretrained, init_cfg=init_cfg)
        if tuple(strides) != (patch_size, *(2,) * (len(depths) - 1)):
            raise InputError(f'SwinTransformer: strides must be the patch size and 2 per merging, got {tuple(strides)}')
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.window_size = window_size
        self.patch_embed = PatchEmbed(
            in_channels=in_channels,
            channels=embed_dims,
            patch_size=patch_size,
            norm_cfg=norm_cfg if patch_norm else None,
        )
        self.absolute_pos_embed: nn.Parameter | None = None
        if use_abs_pos_embed:
            size = (pretrain_img_size,) * 2 if isinstance(pretrain_img_size, int) else tuple(pretrain_img_size)
            grid = [side // patch_size for side in size]
            self.absolute_pos_embed = nn.Parameter(torch.zeros(1, embed_dims, *grid))
        self.drop_after_pos = nn.Dropout(drop_rate)

        rates = iter(drop_path_rates(drop_path_rate, sum(depths)))
        widths = [embed_dims * 2**i for i in range(len(depths))]
        self.stages = nn.ModuleList(
            SwinStage(
                channels=channels,
                hidden=int(mlp_ratio * channels),
                num_heads=num_heads[i],
                window_size=window_size,
                qkv_bias=qkv_bias,
                qk_scale=qk_scale,
                drop=drop_rate,
                attn_drop=attn_drop_rate,
                drop_paths=[next(rates) for _ in range(depths[i])],
                merges=i < len(depths) - 1,
                with_cp=with_cp,
                act_cfg=act_cfg,
                norm_cfg=norm_cfg,
            )
            for i, channels in enumerate(widths)
        )
        for i in self.out_indices:
            self.add_module(f'norm{i}', build_norm(norm_cfg, widths[i])[1])
        freeze(self._frozen())

    def draw_weights(self) -> None:
        """Truncated normal weights of std 0.02; position tables start at 0."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                draw_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.absolute_pos_embed is not None:
            draw_normal_(self.absolute_pos_embed)

    def convert(self, state: State) -> State:
        """Known foreign names become ours; tables of other windows and embeddings of other images are resized."""
        state = without_indices(to_swin(state))
        for key, value in state.items():
            if key.endswith('relative_position_bias_table'):
                state[key] = resize_window_table(value, self.window_size)
        place = state.get('absolute_pos_embed')
        if place is not None and self.absolute_pos_embed is not None:
            state['absolute_pos_embed'] = _resize_map(place, self.absolute_pos_embed.shape[2:])
        return state

    def forward(self, x: Tensor) -> list[Tensor]:
        """Image (B, 3, H, W) -> maps (B, C, h, w) of the stages in ``out_indices``."""
        x = self.patch_embed(x)
        if self.absolute_pos_embed is not None:
            x = x + _resize_map(self.absolute_pos_embed, x.shape[1:3]).permute(0, 2, 3, 1)
        x = self.drop_after_pos(x)
        drawn = draw_paths((block for stage in self.stages for block in stage.get_submodule('blocks').children()), x)
        features = []
        for i, stage in enumerate(self.stages):
            out, x = stage(x, drawn)
            if i in self.out_indices:
                features.append(getattr(self, f'norm{i}')(out).permute(0, 3, 1, 2).contiguous())
        return features

    def train(self, mode: bool = True) -> 'SwinTransformer':
        """Training mode, except for what is frozen."""
        super().train(mode)
        freeze(self._frozen())
        return self

    def _frozen(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        norms = [getattr(self, f'norm{i}') for i in range(self.frozen_stages) if i in self.out_indices]
        if self.absolute_pos_embed is not None:
            self.absolute_pos_embed.requires_grad_(False)
        return [self.patch_embed, self.drop_after_pos, *self.stages[: self.frozen_stages], *norms]


def _resize_map(embedding: Tensor, size: Sequence[int]) -> Tensor:
    if tuple(embedding.shape[2:]) == tuple(size):
        return embedding
    return F.interpolate(embedding, size=tuple(size), mode='bicubic', align_corners=False)

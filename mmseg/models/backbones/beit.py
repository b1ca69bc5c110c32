"""BEiT (Bao et al., 2022): a plain vision Transformer with relative positions in every block."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.config.values import Count, Fraction, Positive
from mmseg.errors import InputError
from mmseg.models.backbones.base import Backbone
from mmseg.models.backbones.position import (
    gather_bias,
    relative_position_index_with_class,
    resize_geometric_table,
    without_indices,
)
from mmseg.models.backbones.vit_keys import to_beit
from mmseg.models.backbones.vit_layers import (
    LN,
    PatchTokens,
    block_indices,
    draw_transformer,
    grid_of,
    hide,
    to_map,
)
from mmseg.models.layers import DropPath, Linear, build_norm, drop_path_rates, linear_map
from mmseg.models.layers.drop import DrawnPaths, draw_paths
from mmseg.models.layers.feed_forward import GELU, FeedForward
from mmseg.models.layers.recompute import run_block
from mmseg.models.weights import State
from mmseg.registry import MODELS


class Attention(nn.Module):
    """Self-attention with a learnt bias for every relative position, and for pairs with the class token.

    Args:
        channels: channels of a token.
        num_heads: attention heads.
        window: (rows, columns) of the grid of tokens.
        bias: 'qv' for a bias of queries and values, 'qkv' of keys too, or None.
        attn_drop: dropout of the attention weights.
    """

    def __init__(
        self, *, channels: int, num_heads: int, window: tuple[int, int], bias: str | None, attn_drop: float
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attn_drop = attn_drop
        self.separate_bias = bias == 'qv'
        if self.separate_bias:
            self.q_bias = nn.Parameter(torch.zeros(channels))
            self.v_bias = nn.Parameter(torch.zeros(channels))
        rows = (2 * window[0] - 1) * (2 * window[1] - 1) + 3
        self.relative_position_bias_table = nn.Parameter(torch.zeros(rows, num_heads))
        self.register_buffer('relative_position_index', relative_position_index_with_class(window))
        self.qkv = Linear(channels, 3 * channels, bias=bias == 'qkv')
        self.proj = Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1 + N, C), the class token first -> the same."""
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias]) if self.separate_bias else None
        qkv = linear_map(x, self.qkv.weight, bias) if self.separate_bias else self.qkv(x)
        query, key, value = qkv.unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        place = gather_bias(self.relative_position_bias_table, self.relative_position_index)  # type: ignore[arg-type]
        context = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=place[None].to(query.dtype),
            dropout_p=self.attn_drop if self.training else 0.0,
        )
        return self.proj(context.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and feed-forward network, each normalised before, scaled per channel and added to its input."""

    def __init__(
        self,
        *,
        attention: Attention,
        channels: int,
        hidden: int,
        drop_path: float,
        layer_scale: float,
        act_cfg: dict,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.gamma_1 = nn.Parameter(torch.full((channels,), layer_scale))
        self.gamma_2 = nn.Parameter(torch.full((channels,), layer_scale))
        self.ln1 = build_norm(norm_cfg, channels)[1]
        self.attn = attention
        self.ln2 = build_norm(norm_cfg, channels)[1]
        self.ffn = FeedForward(channels=channels, hidden=hidden, act_cfg=act_cfg)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, drawn: DrawnPaths | None = None) -> Tensor:
        """(B, N, C) -> the same."""
        x = self.drop_path.add(x, self.gamma_1 * self.attn(self.ln1(x)), drawn, 0)
        return self.drop_path.add(x, self.gamma_2 * self.ffn(self.ln2(x)), drawn, 1)


@MODELS.register_module()
class BEiT(Backbone):
    """BEiT: a class token and patches, maps at 1/16 of the image from several blocks.

    Its position tables belong to one grid of patches, so images must have the size ``img_size``. Larger ones are
    tested in windows of that size.

    Args:
        img_size: side, or (height, width), of the images.
        patch_size: side of a patch.
        in_channels: channels of the image.
        embed_dims: channels of a token.
        num_layers: number of blocks.
        num_heads: attention heads.
        mlp_ratio: width of the feed-forward networks, in channels of a token.
        out_indices: blocks whose output is returned; -1 for the last.
        qv_bias: queries and values have a bias (keys never do).
        attn_drop_rate: dropout of the attention weights.
        drop_path_rate: stochastic depth of the last block; grows linearly from 0 over the blocks.
        norm_cfg: normalisation.
        act_cfg: activation of the feed-forward networks.
        patch_norm: a norm behind the patch embedding.
        final_norm: a norm behind the last block; the other outputs are taken before any.
        norm_eval: part of the schema; layer norms are the same in training and evaluation.
        init_values: start of the factors of every block's branches.
        mask_token: have a learnt token that stands for hidden ones, see :meth:`forward`.
        with_cp: recompute each block in the backward pass instead of keeping its activations.
        pretrained: file (or URL) of weights: OpenMMLab's, or BEiT's own.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``, the other spelling of ``pretrained``.
    """

    block_names = r'layers\.(?P<block>\d+)\.|(?P<end>ln1)'
    may_be_missing: tuple[str, ...] = ('*.relative_position_index', 'mask_token')
    ignored: tuple[str, ...] = ('head', 'norm', 'fc_norm', 'ln1', 'mask_token')

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
        qv_bias: bool = True,
        attn_drop_rate: Fraction = 0.0,
        drop_path_rate: Fraction = 0.0,
        norm_cfg: dict = LN,
        act_cfg: dict = GELU,
        patch_norm: bool = False,
        final_norm: bool = False,
        norm_eval: bool = False,
        init_values: float = 0.1,
        mask_token: bool = False,
        with_cp: bool = False,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(pretrained=pretrained, init_cfg=init_cfg)
        del norm_eval
        self.patch_size = patch_size
        self.window = grid_of(img_size, patch_size)
        self.fixed_size: tuple[int, int] = (self.window[0] * patch_size, self.window[1] * patch_size)
        self.out_indices = block_indices(out_indices, num_layers)
        self.with_cp = with_cp
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dims))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, embed_dims)) if mask_token else None
        self.pos_embed = self.build_position(embed_dims)
        self.patch_embed = PatchTokens(
            in_channels=in_channels,
            channels=embed_dims,
            patch_size=patch_size,
            norm_cfg=norm_cfg if patch_norm else None,
        )
        self.layers = nn.ModuleList(
            Block(
                attention=Attention(
                    channels=embed_dims,
                    num_heads=num_heads,
                    window=self.window,
                    bias=self.attention_bias(qv_bias=qv_bias),
                    attn_drop=attn_drop_rate,
                ),
                channels=embed_dims,
                hidden=int(mlp_ratio * embed_dims),
                drop_path=drop_path,
                layer_scale=init_values,
                act_cfg=act_cfg,
                norm_cfg=norm_cfg,
            )
            for drop_path in drop_path_rates(drop_path_rate, num_layers)
        )
        self.ln1 = build_norm(norm_cfg, embed_dims)[1] if final_norm else nn.Identity()

    def build_position(self, channels: int) -> nn.Parameter | None:
        """Absolute position embedding (1, 1 + N, ``channels``): BEiT has none."""
        del channels
        return None

    @staticmethod
    def attention_bias(*, qv_bias: bool) -> str | None:
        """Which of queries, keys and values have a bias."""
        return 'qv' if qv_bias else None

    def draw_weights(self) -> None:
        """As :func:`draw_transformer`; positions start at 0, the class token near it."""
        draw_transformer(self)
        nn.init.normal_(self.cls_token, std=0.02)
        if self.mask_token is not None:
            nn.init.normal_(self.mask_token, std=0.02)

    def convert(self, state: State) -> State:
        """Known foreign names become ours; position tables are resized to our grid."""
        state = without_indices(to_beit(state, num_layers=len(self.layers)))
        for key, value in state.items():
            if key.endswith('relative_position_bias_table'):
                rows = (2 * self.window[0] - 1) * (2 * self.window[1] - 1) + 3
                state[key] = value if len(value) == rows else resize_geometric_table(value, self.window)
        return state

    def patch_grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """(rows, columns) of the patches of an image of ``size`` (height, width)."""
        return self.patch_embed.grid(size)

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> list[Tensor]:
        """Image (B, 3, H, W) -> maps (B, C, H / patch, W / patch) from the blocks in ``out_indices``.

        ``hidden`` (B, 1, rows, columns) bool are the patches that the mask token stands for.

        Raises:
            InputError: the image has another size than the network was built for.
        """
        tokens, size = self.patch_embed(x)
        tokens = hide(tokens, hidden, self.mask_token)
        self.check_size((x.shape[2], x.shape[3]))
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], dim=1)
        if self.pos_embed is not None:
            tokens = tokens + self.pos_embed
        features, drawn = [], draw_paths(self.layers, x)
        for i, block in enumerate(self.layers):
            tokens = run_block(block, tokens, drawn, with_cp=self.with_cp)
            if i == len(self.layers) - 1:
                tokens = self.ln1(tokens)
            if i in self.out_indices:
                features.append(to_map(tokens, size))
        return features

    def check_size(self, size: tuple[int, int]) -> None:
        height, width = self.fixed_size
        if self.patch_embed.grid(size) != self.window:
            raise InputError(
                f'{type(self).__name__} was built for images of {height}x{width}, got {size[0]}x{size[1]}: '
                f"set test_cfg=dict(mode='slide', crop_size=({height}, {width}), stride=...), or backbone.img_size."
            )

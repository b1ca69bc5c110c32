"""The Mix Transformer encoder of SegFormer (Xie et al., 2021), sizes ``mit_b0`` to ``mit_b5``."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.config.values import Count, Fraction, Positive
from mmseg.models.backbones.base import Backbone
from mmseg.models.backbones.mit_keys import to_mit
from mmseg.models.layers import DropPath, Linear, drop_path_rates, init_vision_transformer
from mmseg.models.layers.drop import DrawnPaths, draw_paths
from mmseg.models.layers.norm import OwnPrecisionNorm
from mmseg.models.layers.pad import pad
from mmseg.models.layers.precision import as_for_products
from mmseg.models.layers.recompute import run_block
from mmseg.models.weights import State
from mmseg.registry import MODELS

#: what sets the sizes apart (SegFormer, table 6): (channels of the four stages, blocks in each)
SIZES = {
    'mit_b0': ((32, 64, 160, 256), (2, 2, 2, 2)),
    'mit_b1': ((64, 128, 320, 512), (2, 2, 2, 2)),
    'mit_b2': ((64, 128, 320, 512), (3, 4, 6, 3)),
    'mit_b3': ((64, 128, 320, 512), (3, 4, 18, 3)),
    'mit_b4': ((64, 128, 320, 512), (3, 8, 27, 3)),
    'mit_b5': ((64, 128, 320, 512), (3, 6, 40, 3)),
}
NORM_EPS = 1e-6


def to_map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Tokens (B, H*W, C) -> map (B, C, H, W), which lies in memory as they do: channels last.

    By way of all tokens in a row, for a batch of one may carry a stride by which no kernel knows the layout.
    """
    batch, _, channels = tokens.shape
    return tokens.reshape(-1, channels).view(batch, *size, channels).permute(0, 3, 1, 2)


def to_tokens(x: Tensor) -> Tensor:
    """Map (B, C, H, W) -> tokens (B, H*W, C)."""
    return x.flatten(2).transpose(1, 2)


class OverlapPatchEmbed(nn.Module):
    """Overlapping patch merging (sec. 3.1): a strided convolution whose kernel is wider than its stride."""

    def __init__(self, *, in_channels: int, channels: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, channels, kernel_size, stride, padding=kernel_size // 2)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Map (B, in, H, W) -> tokens (B, h*w, C) and their size (h, w)."""
        x = self.proj(x)
        return self.norm(to_tokens(x)), (x.shape[2], x.shape[3])


class EfficientSelfAttention(nn.Module):
    """Self-attention whose keys and values come from a map reduced ``sr_ratio`` times per side (eq. 2)."""

    def __init__(
        self, *, channels: int, num_heads: int, sr_ratio: int, qkv_bias: bool, attn_drop: float, proj_drop: float
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attn_drop = nn.Dropout(attn_drop)
        self.q = Linear(channels, channels, bias=qkv_bias)
        self.kv = Linear(channels, 2 * channels, bias=qkv_bias)
        self.proj = Linear(channels, channels)
        self.proj_drop = nn.Dropout(proj_drop)
        self.sr_ratio = sr_ratio
        if sr_ratio > 1:
            self.sr = nn.Conv2d(channels, channels, sr_ratio, sr_ratio)
            self.norm = OwnPrecisionNorm(channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        x = as_for_products(x)  # queries, and what keys and values are made of
        reduced = self.reduce(x, size) if self.sr_ratio > 1 else x
        query = self.split_heads(self.q(x))
        key, value = (self.split_heads(part) for part in self.kv(reduced).chunk(2, dim=-1))
        dropout = self.attn_drop.p if self.attn_drop.training else 0.0
        context = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.proj_drop(self.proj(context.transpose(1, 2).flatten(2)))

    def reduce(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, N, C) -> (B, N / sr_ratio^2, C): what keys and values are made of."""
        height, width = size
        # an image of less than 32 pixels leaves a map smaller than one patch
        margin = (0, max(self.sr_ratio - width, 0), 0, max(self.sr_ratio - height, 0))
        return self.norm(to_tokens(self.sr(pad(to_map(x, size), margin))))

    def split_heads(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, heads, N, C / heads)."""
        return x.unflatten(2, (self.num_heads, -1)).transpose(1, 2)


class DepthwiseConv(nn.Module):
    """A 3x3 convolution per channel, on tokens: it tells them where they are (eq. 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        return to_tokens(self.dwconv(to_map(x, size)))


class MixFFN(nn.Module):
    """Feed-forward network with a depthwise convolution in the middle (eq. 3)."""

    def __init__(self, *, channels: int, hidden: int, drop: float) -> None:
        super().__init__()
        self.fc1 = Linear(channels, hidden)
        self.dwconv = DepthwiseConv(hidden)
        self.act = nn.GELU()
        self.fc2 = Linear(hidden, channels)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        x = self.act(self.dwconv(self.fc1(x), size))
        return self.drop(self.fc2(self.drop(x)))


class Block(nn.Module):
    """Attention and Mix-FFN, each normalised before and added to its input."""

    def __init__(
        self,
        *,
        channels: int,
        num_heads: int,
        mlp_ratio: float,
        sr_ratio: int,
        qkv_bias: bool,
        drop: float,
        attn_drop: float,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.attn = EfficientSelfAttention(
            channels=channels,
            num_heads=num_heads,
            sr_ratio=sr_ratio,
            qkv_bias=qkv_bias,
            attn_drop=attn_drop,
            proj_drop=drop,
        )
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.mlp = MixFFN(channels=channels, hidden=int(channels * mlp_ratio), drop=drop)

    def forward(self, x: Tensor, size: tuple[int, int], drawn: DrawnPaths | None = None) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        x = self.drop_path.add(x, self.attn(self.norm1(x), size), drawn, 0)
        return self.drop_path.add(x, self.mlp(self.norm2(x), size), drawn, 1)


@MODELS.register_module()
class MixVisionTransformer(Backbone):
    """Hierarchical Transformer without positional encoding: four stages at 1/4, 1/8, 1/16 and 1/32 of the image.

    Args:
        in_chans: channels of the image.
        embed_dims: channels of each stage.
        num_heads: attention heads of each stage.
        mlp_ratios: width of the feed-forward network of each stage, in channels of the stage.
        depths: blocks of each stage.
        sr_ratios: reduction of keys and values of each stage, per side.
        qkv_bias: queries, keys and values have a bias.
        drop_rate: dropout behind projections and in the feed-forward networks.
        attn_drop_rate: dropout of the attention weights.
        drop_path_rate: stochastic depth of the last block; grows linearly from 0 over the blocks.
        freeze_patch_embed: the first patch embedding is not trained.
        with_cp: recompute each block in the backward pass instead of keeping its activations.
        pretrained: file (or URL) of ImageNet weights, loaded by :meth:`init_weights`.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``, the other spelling of ``pretrained``.
    """

    block_names = r'(?:patch_embed|block)(?P<stage>\d)\.(?:(?P<block>\d+)\.)?|norm(?P<norm>\d)'
    ignored = ('head',)  # published encoders carry the ImageNet classifier
    channels_last = True

    def __init__(
        self,
        *,
        in_chans: Count = 3,
        embed_dims: Sequence[Count] = SIZES['mit_b0'][0],
        num_heads: Sequence[Count] = (1, 2, 5, 8),
        mlp_ratios: Sequence[Positive] = (4, 4, 4, 4),
        depths: Sequence[Count] = SIZES['mit_b0'][1],
        sr_ratios: Sequence[Count] = (8, 4, 2, 1),
        qkv_bias: bool = True,
        drop_rate: Fraction = 0.0,
        attn_drop_rate: Fraction = 0.0,
        drop_path_rate: Fraction = 0.1,
        freeze_patch_embed: bool = False,
        with_cp: bool = False,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(pretrained=pretrained, init_cfg=init_cfg)
        self.embed_dims = tuple(embed_dims)
        self.depths = tuple(depths)
        self.with_cp = with_cp

        inputs = (in_chans, *self.embed_dims[:-1])
        for i, (in_channels, channels) in enumerate(zip(inputs, self.embed_dims, strict=True)):
            kernel_size, stride = (7, 4) if i == 0 else (3, 2)
            embed = OverlapPatchEmbed(
                in_channels=in_channels, channels=channels, kernel_size=kernel_size, stride=stride
            )
            self.add_module(f'patch_embed{i + 1}', embed)

        rates = iter(drop_path_rates(drop_path_rate, sum(self.depths)))
        for i, (channels, depth) in enumerate(zip(self.embed_dims, self.depths, strict=True)):
            blocks = nn.ModuleList(
                Block(
                    channels=channels,
                    num_heads=num_heads[i],
                    mlp_ratio=mlp_ratios[i],
                    sr_ratio=sr_ratios[i],
                    qkv_bias=qkv_bias,
                    drop=drop_rate,
                    attn_drop=attn_drop_rate,
                    drop_path=next(rates),
                )
                for _ in range(depth)
            )
            self.add_module(f'block{i + 1}', blocks)
            self.add_module(f'norm{i + 1}', nn.LayerNorm(channels, eps=NORM_EPS))
        if freeze_patch_embed:
            self.get_submodule('patch_embed1').requires_grad_(False)

    def draw_weights(self) -> None:
        """Start from random weights, drawn as SegFormer does."""
        self.apply(init_vision_transformer)

    def convert(self, state: State) -> State:
        """Weights in the layout of SegFormer, OpenMMLab or Hugging Face under the names of this network."""
        return to_mit(state)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Image (B, 3, H, W) -> features at 1/4, 1/8, 1/16 and 1/32 (rounded up), finest first."""
        stages = range(1, len(self.depths) + 1)
        drawn = draw_paths((block for i in stages for block in getattr(self, f'block{i}')), x)
        features = []
        for i in stages:
            tokens, size = getattr(self, f'patch_embed{i}')(x)
            for block in getattr(self, f'block{i}'):
                tokens = run_block(block, tokens, size, drawn, with_cp=self.with_cp)
            x = to_map(getattr(self, f'norm{i}')(tokens), size)
            features.append(x)
        return features


def _of_size(name: str) -> type[MixVisionTransformer]:
    """One row of :data:`SIZES` as a class; every argument of the general network can still be overridden."""
    embed_dims, depths = SIZES[name]

    def __init__(self: MixVisionTransformer, **settings) -> None:  # noqa: N807
        MixVisionTransformer.__init__(self, **{'embed_dims': embed_dims, 'depths': depths, **settings})

    members = {'__init__': __init__, '__doc__': f'SegFormer-{name[-2:].upper()} encoder: {embed_dims}, {depths}.'}
    sized = type(name, (MixVisionTransformer,), {**members, '__module__': __name__})
    MODELS.register_module(name=name, module=sized)
    return sized


mit_b0 = _of_size('mit_b0')
mit_b1 = _of_size('mit_b1')
mit_b2 = _of_size('mit_b2')
mit_b3 = _of_size('mit_b3')
mit_b4 = _of_size('mit_b4')
mit_b5 = _of_size('mit_b5')

"""ViT-Adapter (Chen et al., ICLR 2023, arXiv 2205.08534): a pyramid of fine maps beside a plain vision Transformer."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.config.values import Count, Positive
from mmseg.errors import InputError
from mmseg.models.backbones.timm_backbone import TimmBackbone
from mmseg.models.layers import build_norm, resize
from mmseg.models.layers.deformable_attention import DeformableAttention, Size, places_of
from mmseg.registry import MODELS

BN = {'type': 'BN', 'requires_grad': True}


def stem_layers(norm_cfg: dict, *channels: int) -> list[nn.Module]:
    """Convolutions of 3x3 between the ``channels``, the first with stride 2, each with norm and ReLU."""
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise(channels)):
        conv = nn.Conv2d(before, after, 3, 2 if number == 0 else 1, 1, bias=False)
        layers += [conv, build_norm(norm_cfg, after)[1], nn.ReLU(inplace=True)]
    return layers


class SpatialPrior(nn.Module):
    """A small convolutional network: an image -> maps at 1/4, 1/8, 1/16 and 1/32."""

    def __init__(self, *, in_channels: int, width: int, channels: int, norm_cfg: dict) -> None:
        super().__init__()
        first = stem_layers(norm_cfg, in_channels, width, width, width)
        widths = (width, 2 * width, 4 * width, 4 * width)
        self.stages = nn.ModuleList([nn.Sequential(*first, nn.MaxPool2d(3, 2, 1))])
        self.stages += [nn.Sequential(*stem_layers(norm_cfg, before, after)) for before, after in pairwise(widths)]
        self.projections = nn.ModuleList(nn.Conv2d(inputs, channels, 1) for inputs in widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage, projection in zip(self.stages, self.projections, strict=True):
            x = stage(x)
            maps.append(projection(x))
        return maps


class Injector(nn.Module):
    """The tokens look at the maps; the factor of what they see starts at 0: at first the tokens stay as they are."""

    def __init__(self, channels: int, attention: dict[str, Any]) -> None:
        super().__init__()
        self.query_norm, self.feature_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = DeformableAttention(channels=channels, levels=3, **attention)
        self.gamma = nn.Parameter(torch.zeros(channels))

    def forward(self, tokens: Tensor, places: Tensor, maps: Tensor, sizes: Sequence[Size]) -> Tensor:
        seen = self.attention(self.query_norm(tokens), places, self.feature_norm(maps), sizes)
        return tokens + self.gamma * seen


class Extractor(nn.Module):
    """The maps look at the tokens, then pass through a feed-forward network with a depthwise convolution."""

    def __init__(self, channels: int, hidden: int, attention: dict[str, Any]) -> None:
        super().__init__()
        self.query_norm, self.feature_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = DeformableAttention(channels=channels, levels=1, **attention)
        self.ffn_norm = nn.LayerNorm(channels)
        self.fc1, self.fc2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden)

    def forward(self, maps: Tensor, places: Tensor, sizes: Sequence[Size], tokens: Tensor, grid: Size) -> Tensor:
        maps = maps + self.attention(self.query_norm(maps), places, self.feature_norm(tokens), [grid])
        hidden = self.fc1(self.ffn_norm(maps))
        parts = hidden.split([height * width for height, width in sizes], dim=1)
        mixed = [
            self.depthwise(part.transpose(1, 2).unflatten(2, size)).flatten(2).transpose(1, 2)
            for part, size in zip(parts, sizes, strict=True)
        ]
        return maps + self.fc2(nn.functional.gelu(torch.cat(mixed, dim=1)))


class Adapter(nn.Module):
    """What is trained beside the Transformer, and shared out over its blocks.

    Args:
        in_channels: of the image.
        channels: of a token.
        width: of the convolutional network.
        interactions: how often tokens and maps look at each other.
        heads: of the attention.
        points: places that a head looks at in each map.
        ratio: channels inside of the attention, as a share.
        ffn_ratio: hidden channels of the feed-forward networks, as a share.
        norm_cfg: normalisation of the convolutional network and of the maps.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        width: int,
        interactions: int,
        heads: int,
        points: int,
        ratio: float,
        ffn_ratio: float,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        attention = {'heads': heads, 'points': points, 'ratio': ratio}
        self.prior = SpatialPrior(in_channels=in_channels, width=width, channels=channels, norm_cfg=norm_cfg)
        self.level_embed = nn.Parameter(torch.zeros(3, channels))
        self.injectors = nn.ModuleList(Injector(channels, attention) for _ in range(interactions))
        hidden = int(channels * ffn_ratio)
        self.extractors = nn.ModuleList(Extractor(channels, hidden, attention) for _ in range(interactions))
        self.last = nn.ModuleList(Extractor(channels, hidden, attention) for _ in range(2))
        self.up = nn.ConvTranspose2d(channels, channels, 2, 2)
        self.norms = nn.ModuleList(build_norm(norm_cfg, channels)[1] for _ in range(4))
        nn.init.normal_(self.level_embed)


class Pass:
    """One pass of images: the maps as they are between the blocks."""

    def __init__(self, adapter: Adapter, image: Tensor, grid: Size) -> None:
        self.adapter, self.grid = adapter, grid
        self.finest, *coarser = adapter.prior(image)
        self.sizes = [(x.shape[2], x.shape[3]) for x in coarser]
        levels = zip(coarser, adapter.level_embed, strict=True)
        self.maps = torch.cat([x.flatten(2).transpose(1, 2) + embed for x, embed in levels], dim=1)
        self.token_places = places_of(grid, image.device)
        self.map_places = torch.cat([places_of(size, image.device) for size in self.sizes])
        self.tokens: list[Tensor] = []

    def inject(self, number: int, tokens: Tensor) -> Tensor:
        return self.adapter.injectors[number](tokens, self.token_places, self.maps, self.sizes)

    def extract(self, number: int, tokens: Tensor) -> None:
        extractors = [self.adapter.extractors[number]]
        if number == len(self.adapter.extractors) - 1:
            extractors += self.adapter.last
        for extractor in extractors:
            self.maps = extractor(self.maps, self.map_places, self.sizes, tokens, self.grid)
        self.tokens.append(tokens.transpose(1, 2).unflatten(2, self.grid))

    def result(self) -> list[Tensor]:
        """The maps at 1/4, 1/8, 1/16 and 1/32, each with the tokens of one interaction."""
        parts = self.maps.split([height * width for height, width in self.sizes], dim=1)
        coarser = [part.transpose(1, 2).unflatten(2, size) for part, size in zip(parts, self.sizes, strict=True)]
        finest = self.adapter.up(coarser[0])
        maps = [self.finest + resize(finest, (self.finest.shape[2], self.finest.shape[3])), *coarser]
        count = len(self.tokens)
        shown = [self.tokens[(i + 1) * count // 4 - 1] for i in range(4)]
        return [
            norm(x + resize(tokens, (x.shape[2], x.shape[3])))
            for norm, x, tokens in zip(self.adapter.norms, maps, shown, strict=True)
        ]


@MODELS.register_module()
class ViTAdapter(TimmBackbone):
    """A plain vision Transformer of timm with an adapter: four maps of its channels, at 1/4 to 1/32 of the image.

    Between groups of blocks the tokens look at the maps of a small convolutional network, and these at the tokens. The
    deformable attention is plain PyTorch. In the state dict ``model.*`` is the Transformer, ``adapter.*`` the rest,
    which no file of pretrained weights has to hold.

    Args:
        interactions: how often tokens and maps look at each other; at least 4, and at most the number of blocks.
        width: channels of the first layers of the convolutional network.
        heads: of the deformable attention; None for one per 64 channels.
        points: places that a head looks at in each map.
        ratio: channels inside of the deformable attention, as a share of a token's.
        ffn_ratio: hidden channels of the adapter's feed-forward networks, as a share.
        norm_cfg: normalisation of the convolutional network and of the maps.
        **timm: of :class:`TimmBackbone`; ``out_indices`` is given by the interactions.

    Raises:
        InputError: the network is no plain Transformer, or recomputes its blocks.
    """

    may_be_missing = (*TimmBackbone.may_be_missing, 'adapter')
    beside = ('adapter',)

    def __init__(
        self,
        *,
        interactions: Count = 4,
        width: Count = 64,
        heads: Count | None = None,
        points: Count = 4,
        ratio: Positive = 0.5,
        ffn_ratio: Positive = 0.25,
        norm_cfg: dict = BN,
        in_channels: Count = 3,
        with_cp: bool = False,
        out_indices: None = None,
        **timm: Any,
    ) -> None:
        if with_cp:
            raise InputError('ViTAdapter: with_cp would compute what stands between the blocks twice: leave it False.')
        super().__init__(in_channels=in_channels, out_indices=(-1,), **timm)
        blocks = getattr(self.model, 'blocks', None)
        if not self.is_plain() or not isinstance(blocks, nn.ModuleList | nn.Sequential):
            raise InputError(f'ViTAdapter: {self.model_name} is no plain vision Transformer.')
        if not 4 <= interactions <= len(blocks):
            raise InputError(f'ViTAdapter: interactions={interactions} has to be in 4..{len(blocks)}, the blocks.')
        channels = self.model.embed_dim
        self.adapter = Adapter(
            in_channels=in_channels,
            channels=channels,
            width=width,
            interactions=interactions,
            heads=heads or max(channels // 64, 1),
            points=points,
            ratio=ratio,
            ffn_ratio=ffn_ratio,
            norm_cfg=norm_cfg,
        )
        self.extra_tokens = int(getattr(self.model, 'num_prefix_tokens', 0))
        self._pass: Pass | None = None
        ends = [(i + 1) * len(blocks) // interactions for i in range(interactions)]
        for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            blocks[start].register_forward_pre_hook(partial(self._inject, number))
            blocks[end - 1].register_forward_hook(partial(self._extract, number))

    @property
    def feature_channels(self) -> list[int]:
        return [self.model.embed_dim] * 4

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> list[Tensor]:
        """Image (B, C, H, W) -> maps (B, C', h, w) at 1/4, 1/8, 1/16 and 1/32; as of :class:`TimmBackbone`."""
        fitted = self._fitted(x)
        self._pass = Pass(self.adapter, fitted, (fitted.shape[2] // self.grid, fitted.shape[3] // self.grid))
        try:
            super().forward(x, hidden)
            return self._pass.result()
        finally:
            self._pass = None

    def _inject(self, number: int, block: nn.Module, arguments: tuple) -> tuple:
        assert self._pass is not None
        tokens, *others = arguments
        extra, patches = tokens[:, : self.extra_tokens], tokens[:, self.extra_tokens :]
        return (torch.cat([extra, self._pass.inject(number, patches)], dim=1), *others)

    def _extract(self, number: int, block: nn.Module, arguments: tuple, tokens: Tensor) -> None:
        assert self._pass is not None
        self._pass.extract(number, tokens[:, self.extra_tokens :])

"""ConvNeXt (Liu et al., 2022): a convolutional network in the proportions of a Transformer."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mmseg.config.values import Count, Finite, Fraction
from mmseg.errors import InputError, nearest
from mmseg.models.backbones.base import Backbone
from mmseg.models.backbones.convnext_keys import to_convnext
from mmseg.models.layers import DropPath, Linear, drop_path_rates
from mmseg.models.layers.drop import DrawnPaths, draw_paths
from mmseg.models.layers.init import draw_normal_
from mmseg.models.layers.recompute import run_block
from mmseg.models.weights import State
from mmseg.registry import MODELS

#: what sets the sizes apart (sec. 3): (blocks in each stage, channels of each)
SIZES = {
    'tiny': ((3, 3, 9, 3), (96, 192, 384, 768)),
    'small': ((3, 3, 27, 3), (96, 192, 384, 768)),
    'base': ((3, 3, 27, 3), (128, 256, 512, 1024)),
    'large': ((3, 3, 27, 3), (192, 384, 768, 1536)),
    'xlarge': ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}
NORM_EPS = 1e-6


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of a map (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A 7x7 convolution per channel, a norm and two linear layers (fig. 4), scaled per channel and added."""

    def __init__(self, *, channels: int, drop_path: float, layer_scale: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), layer_scale)) if layer_scale > 0 else None
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=NORM_EPS)
        self.pwconv1 = Linear(channels, 4 * channels)
        self.act = nn.GELU()
        self.pwconv2 = Linear(4 * channels, channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, drawn: DrawnPaths | None = None) -> Tensor:
        """(B, C, H, W) -> the same."""
        branch = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        branch = self.pwconv2(self.act(self.pwconv1(branch)))
        if self.gamma is not None:
            branch = self.gamma * branch
        return self.drop_path.add(x, branch.permute(0, 3, 1, 2), drawn)


@MODELS.register_module()
class ConvNeXt(Backbone):
    """ConvNeXt: four stages at 1/4, 1/8, 1/16 and 1/32 of the image (rounded down), a norm behind each.

    Args:
        arch: 'tiny', 'small', 'base', 'large' or 'xlarge', instead of ``depths`` and ``dims``.
        in_chans: channels of the image.
        depths: blocks of each stage.
        dims: channels of each stage.
        drop_path_rate: stochastic depth of the last block; grows linearly from 0 over the blocks.
        layer_scale_init_value: start of the factors of every block's branch; 0 for none.
        out_indices: stages whose output is returned.
        with_cp: recompute each block in the backward pass instead of keeping its activations.
        pretrained: file (or URL) of ImageNet weights: ConvNeXt's own, OpenMMLab's or timm's.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``, the other spelling of ``pretrained``.
    """

    # classification networks have one norm behind the last stage, if any; the others start fresh
    block_names = (
        r'(?:downsample_layers|stages)\.(?P<stage>\d+)\.(?:(?P<block>\d+)\.(?:gamma|dwconv|norm|pwconv))?'
        r'|norm(?P<norm>\d)'
    )
    may_be_missing = ('norm?',)
    ignored = ('head', 'norm?')

    def __init__(
        self,
        *,
        arch: str | None = None,
        in_chans: Count = 3,
        depths: Sequence[Count] = SIZES['tiny'][0],
        dims: Sequence[Count] = SIZES['tiny'][1],
        drop_path_rate: Fraction = 0.0,
        layer_scale_init_value: Finite = 1e-6,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        with_cp: bool = False,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(pretrained=pretrained, init_cfg=init_cfg)
        if arch is not None:
            if arch not in SIZES:
                raise InputError(f'ConvNeXt: no size {arch!r}.{nearest(arch, SIZES)} Known: {", ".join(SIZES)}.')
            depths, dims = SIZES[arch]
        self.out_indices = tuple(out_indices)
        self.with_cp = with_cp

        stem = nn.Sequential(nn.Conv2d(in_chans, dims[0], 4, 4), LayerNorm2d(dims[0], eps=NORM_EPS))
        steps = [
            nn.Sequential(LayerNorm2d(before, eps=NORM_EPS), nn.Conv2d(before, after, 2, 2))
            for before, after in pairwise(dims)
        ]
        self.downsample_layers = nn.ModuleList([stem, *steps])
        rates = iter(drop_path_rates(drop_path_rate, sum(depths)))
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    Block(channels=channels, drop_path=next(rates), layer_scale=layer_scale_init_value)
                    for _ in range(depth)
                )
            )
            for depth, channels in zip(depths, dims, strict=True)
        )
        for i in self.out_indices:
            self.add_module(f'norm{i}', LayerNorm2d(dims[i], eps=NORM_EPS))

    def draw_weights(self) -> None:
        """Truncated normal weights of std 0.02; the factors of the branches stay at their start."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                draw_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def convert(self, state: State) -> State:
        """Known foreign names become ours."""
        return to_convnext(state)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Image (B, 3, H, W) -> maps (B, C, h, w) of the stages in ``out_indices``; odd rows and columns are cut."""
        drawn = draw_paths((block for stage in self.stages for block in stage.children()), x, uses=1)
        features = []
        for i, (downsample, stage) in enumerate(zip(self.downsample_layers, self.stages, strict=True)):
            x = downsample(x)
            for block in stage.children():
                x = run_block(block, x, drawn, with_cp=self.with_cp)
            if i in self.out_indices:
                features.append(getattr(self, f'norm{i}')(x))
        return features

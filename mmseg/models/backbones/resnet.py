"""Residual networks (He et al., 2016) with dilation, and their variants V1c and V1d (He et al., 2019)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg.config.values import Count
from mmseg.errors import InputError
from mmseg.models.backbones.base import Backbone, freeze
from mmseg.models.layers import build_norm
from mmseg.models.layers.recompute import run_block
from mmseg.registry import MODELS

BN = {'type': 'BN', 'requires_grad': True}
STYLES = ('pytorch', 'caffe')


class ResidualBlock(nn.Module):
    """A branch of convolutions added to its input, which ``downsample`` fits to it where sizes differ."""

    expansion: int
    downsample: nn.Module | None

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def branch(self, x: Tensor) -> Tensor:
        """What is added to the input: (B, in, H, W) -> (B, out, H / stride, W / stride)."""
        raise NotImplementedError

    def last_norm(self) -> nn.Module:
        """The norm at the end of the branch; with weight 0 the block starts as the identity."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride)."""
        identity = x if self.downsample is None else self.downsample(x)
        return self.relu(self.branch(x) + identity)


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions, of the depths 18 and 34."""

    expansion = 1

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        stride: int,
        dilation: int,
        style: str,
        norm_cfg: dict,
        downsample: nn.Module | None,
    ) -> None:
        super().__init__()
        del style  # there is only one place for the stride
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, dilation, dilation, bias=False)
        self.bn1 = build_norm(norm_cfg, channels)[1]
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = build_norm(norm_cfg, channels)[1]
        self.downsample = downsample

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))

    def last_norm(self) -> nn.Module:
        return self.bn2


class Bottleneck(ResidualBlock):
    """1x1, 3x3 and 1x1 convolutions; the middle one is ``width`` wide and may be grouped (ResNeXt)."""

    expansion = 4

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        stride: int,
        dilation: int,
        style: str,
        norm_cfg: dict,
        downsample: nn.Module | None,
        width: int | None = None,
        groups: int = 1,
    ) -> None:
        super().__init__()
        width = width or channels
        out_channels = channels * self.expansion
        first, second = (1, stride) if style == 'pytorch' else (stride, 1)
        self.conv1 = nn.Conv2d(in_channels, width, 1, first, bias=False)
        self.bn1 = build_norm(norm_cfg, width)[1]
        self.conv2 = nn.Conv2d(width, width, 3, second, dilation, dilation, groups, bias=False)
        self.bn2 = build_norm(norm_cfg, width)[1]
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = build_norm(norm_cfg, out_channels)[1]
        self.downsample = downsample

    def branch(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))

    def last_norm(self) -> nn.Module:
        return self.bn3


#: depth -> (block, blocks in each of the four stages)
DEPTHS: dict[int, tuple[type[ResidualBlock], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


@MODELS.register_module()
class ResNet(Backbone):
    """A stem at 1/4 of the image and up to four stages of residual blocks.

    Args:
        depth: 18, 34, 50, 101 or 152 layers.
        in_channels: channels of the image.
        stem_channels: channels behind the stem.
        base_channels: inner channels of the first stage; they double from stage to stage.
        num_stages: number of stages.
        strides: stride of each stage.
        dilations: dilation of each stage; (1, 1, 2, 4) with strides (1, 2, 1, 1) ends at 1/8 of the image.
        out_indices: stages whose output is returned.
        style: 'pytorch' strides in a bottleneck's 3x3 convolution, 'caffe' in its first 1x1 one.
        deep_stem: three 3x3 convolutions in the stem instead of a 7x7 one (V1c).
        avg_down: average pooling, not a stride, makes the shortcut smaller (V1d).
        frozen_stages: the stem (0) and the stages up to this number are not trained; -1: all are.
        norm_cfg: batch norm layers.
        norm_eval: batch norms use, and keep, their running statistics in training.
        multi_grid: dilation of each block of the last stage, instead of that stage's own.
        contract_dilation: the first block of a dilated stage uses half of the dilation.
        with_cp: recompute each block in the backward pass instead of keeping its activations.
        zero_init_residual: without pretrained weights every block starts as the identity.
        pretrained: file (or URL) of ImageNet weights.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``, the other spelling of ``pretrained``.
    """

    block_names = r'layer(?P<stage>\d)\.(?P<block>\d+)\.'
    may_be_missing = ('*.num_batches_tracked',)  # files from before batch norms counted
    ignored = ('fc',)
    depths = DEPTHS

    def __init__(
        self,
        *,
        depth: int,
        in_channels: Count = 3,
        stem_channels: Count = 64,
        base_channels: Count = 64,
        num_stages: Count = 4,
        strides: Sequence[Count] = (1, 2, 2, 2),
        dilations: Sequence[Count] = (1, 1, 1, 1),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        style: str = 'pytorch',
        deep_stem: bool = False,
        avg_down: bool = False,
        frozen_stages: int = -1,
        norm_cfg: dict = BN,
        norm_eval: bool = False,
        multi_grid: Sequence[int] | None = None,
        contract_dilation: bool = False,
        with_cp: bool = False,
        zero_init_residual: bool = True,
        pretrained: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(pretrained=pretrained, init_cfg=init_cfg)
        self._check(
            depth=depth,
            num_stages=num_stages,
            strides=strides,
            dilations=dilations,
            out_indices=out_indices,
            style=style,
        )
        self.block_type, blocks = self.depths[depth]
        self.base_channels = base_channels
        self.style = style
        self.avg_down = avg_down
        self.norm_cfg = norm_cfg
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.zero_init_residual = zero_init_residual

        self._build_stem(in_channels, stem_channels, deep=deep_stem)
        channels = stem_channels
        for i in range(num_stages):
            grid = stage_dilations(dilations[i], blocks[i], contract=contract_dilation)
            if multi_grid is not None and i == len(blocks) - 1:
                grid = list(multi_grid)
            stage = self._build_stage(channels, base_channels * 2**i, stride=strides[i], dilations=grid)
            self.add_module(f'layer{i + 1}', stage)
            channels = base_channels * 2**i * self.block_type.expansion
        self.num_stages = num_stages
        freeze(self._frozen())

    def _check(
        self,
        *,
        depth: int,
        num_stages: int,
        strides: Sequence[int],
        dilations: Sequence[int],
        out_indices: Sequence[int],
        style: str,
    ) -> None:
        name = type(self).__name__
        if depth not in self.depths:
            raise InputError(f'{name}: depth must be one of {", ".join(map(str, self.depths))}, got {depth}')
        if not len(strides) == len(dilations) == num_stages <= 4:
            raise InputError(f'{name}: give one stride and one dilation for each of the num_stages={num_stages} <= 4')
        if max(out_indices) >= num_stages:
            raise InputError(f'{name}: out_indices {tuple(out_indices)} need more than num_stages={num_stages}')
        if style not in STYLES:
            raise InputError(f'{name}: style must be one of {STYLES}, got {style!r}')

    def _build_stem(self, in_channels: int, channels: int, *, deep: bool) -> None:
        self.deep_stem = deep
        if deep:
            layers: list[nn.Module] = []
            widths = (in_channels, channels // 2, channels // 2, channels)
            for i, (before, after) in enumerate(pairwise(widths)):
                conv = nn.Conv2d(before, after, 3, stride=2 if i == 0 else 1, padding=1, bias=False)
                layers += [conv, build_norm(self.norm_cfg, after)[1], nn.ReLU(inplace=True)]
            self.stem = nn.Sequential(*layers)
        else:
            self.conv1 = nn.Conv2d(in_channels, channels, 7, stride=2, padding=3, bias=False)
            self.bn1 = build_norm(self.norm_cfg, channels)[1]
            self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

    def _build_stage(self, in_channels: int, channels: int, *, stride: int, dilations: Sequence[int]) -> nn.Module:
        out_channels = channels * self.block_type.expansion
        blocks = []
        for i, dilation in enumerate(dilations):
            stride = stride if i == 0 else 1
            changes = i == 0 and (stride != 1 or in_channels != out_channels)
            downsample = self._downsample(in_channels, out_channels, stride) if changes else None
            blocks.append(
                self.build_block(
                    in_channels=in_channels if i == 0 else out_channels,
                    channels=channels,
                    stride=stride,
                    dilation=dilation,
                    style=self.style,
                    norm_cfg=self.norm_cfg,
                    downsample=downsample,
                )
            )
        return nn.Sequential(*blocks)

    def _downsample(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        norm = build_norm(self.norm_cfg, out_channels)[1]
        if not self.avg_down:
            return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm)
        pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
        return nn.Sequential(pool, nn.Conv2d(in_channels, out_channels, 1, bias=False), norm)

    def build_block(self, **settings) -> nn.Module:
        """One residual block; ``settings['channels']`` are its inner channels before any widening."""
        return self.block_type(**settings)

    def draw_weights(self) -> None:
        """He-normal convolutions over the fan-out, norms 1, and blocks that start as the identity if so configured."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, _BatchNorm | nn.GroupNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        if self.zero_init_residual:
            for module in self.modules():
                if isinstance(module, ResidualBlock):
                    nn.init.zeros_(module.last_norm().get_parameter('weight'))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Image (B, 3, H, W) -> outputs of the stages in ``out_indices``."""
        x = self.stem(x) if self.deep_stem else self.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)
        features = []
        for i in range(self.num_stages):
            for block in getattr(self, f'layer{i + 1}'):
                x = run_block(block, x, with_cp=self.with_cp)
            if i in self.out_indices:
                features.append(x)
        return features

    def train(self, mode: bool = True) -> 'ResNet':
        """Training mode, except for what is frozen and, with ``norm_eval``, the batch norms."""
        super().train(mode)
        freeze(self._frozen())
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _frozen(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        stem = [self.stem] if self.deep_stem else [self.conv1, self.bn1]
        return stem + [getattr(self, f'layer{i}') for i in range(1, self.frozen_stages + 1)]


def stage_dilations(dilation: int, num_blocks: int, *, contract: bool) -> list[int]:
    """Dilation of each block of a stage; ``contract`` halves the first one's, which sees a finer map."""
    first = dilation // 2 if contract and dilation > 1 else dilation
    return [first] + [dilation] * (num_blocks - 1)


@MODELS.register_module()
class ResNetV1c(ResNet):
    """ResNet with three 3x3 convolutions in the stem."""

    def __init__(self, **settings) -> None:
        super().__init__(deep_stem=True, avg_down=False, **settings)


@MODELS.register_module()
class ResNetV1d(ResNet):
    """ResNet with three 3x3 convolutions in the stem and average pooling in the shortcuts."""

    def __init__(self, **settings) -> None:
        super().__init__(deep_stem=True, avg_down=True, **settings)

"""ResNeSt: residual blocks with attention over splits of the channels (Zhang et al., 2020)."""

from typing import Any

import torch
from torch import Tensor, nn

from mmseg.config.values import Count
from mmseg.models.backbones.resnet import ResidualBlock, ResNetV1d
from mmseg.models.backbones.resnext import group_width
from mmseg.models.layers import build_norm
from mmseg.registry import MODELS


class SplitAttention(nn.Module):
    """``radix`` parallel grouped 3x3 convolutions, summed with weights that depend on the image (sec. 3.1)."""

    def __init__(
        self,
        *,
        channels: int,
        groups: int,
        stride: int,
        dilation: int,
        radix: int,
        reduction_factor: int,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.radix = radix
        self.groups = groups
        hidden = max(channels * radix // reduction_factor, 32)
        splits = channels * radix
        self.conv = nn.Conv2d(channels, splits, 3, stride, dilation, dilation, groups=groups * radix, bias=False)
        self.bn0 = build_norm(norm_cfg, splits)[1]
        self.relu = nn.ReLU(inplace=True)
        self.fc1 = nn.Conv2d(channels, hidden, 1, groups=groups)
        self.bn1 = build_norm(norm_cfg, hidden)[1]
        self.fc2 = nn.Conv2d(hidden, splits, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H / stride, W / stride)."""
        splits = self.relu(self.bn0(self.conv(x))).unflatten(1, (self.radix, -1))  # B, radix, C, H, W
        pooled = splits.sum(dim=1).mean(dim=(2, 3), keepdim=True)
        scores = self.fc2(self.relu(self.bn1(self.fc1(pooled))))
        return (splits * self.weights(scores)).sum(dim=1)

    def weights(self, scores: Tensor) -> Tensor:
        """(B, radix * C, 1, 1), ordered by group -> (B, radix, C, 1, 1); they sum to 1 over several splits."""
        scores = scores.unflatten(1, (self.groups, self.radix, -1)).transpose(1, 2)
        weights = scores.softmax(dim=1) if self.radix > 1 else torch.sigmoid(scores)
        return weights.flatten(2, 3)


class SplitBottleneck(ResidualBlock):
    """A bottleneck with split attention in the middle; average pooling behind it may take over the stride."""

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
        width: int,
        groups: int,
        radix: int,
        reduction_factor: int,
        avg_down_stride: bool,
    ) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        first, second = (1, stride) if style == 'pytorch' else (stride, 1)
        self.conv1 = nn.Conv2d(in_channels, width, 1, first, bias=False)
        self.bn1 = build_norm(norm_cfg, width)[1]
        self.conv2 = SplitAttention(
            channels=width,
            groups=groups,
            stride=1 if avg_down_stride else second,
            dilation=dilation,
            radix=radix,
            reduction_factor=reduction_factor,
            norm_cfg=norm_cfg,
        )
        self.pool = nn.AvgPool2d(3, second, padding=1) if avg_down_stride and second > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = build_norm(norm_cfg, out_channels)[1]
        self.downsample = downsample

    def branch(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.pool(self.conv2(x))
        return self.bn3(self.conv3(x))

    def last_norm(self) -> nn.Module:
        return self.bn3


@MODELS.register_module()
class ResNeSt(ResNetV1d):
    """ResNet-V1d of depth 50, 101, 152 or 200 with split attention.

    Args:
        groups: groups of the 3x3 convolutions (the paper's cardinality).
        base_width: channels of a group in the first stage.
        radix: splits in each group.
        reduction_factor: how much narrower the attention's hidden layer is than all splits together.
        avg_down_stride: strides are average pooling behind the 3x3 convolution; else of that convolution itself.
        **resnet: see :class:`ResNet`.
    """

    depths = {
        50: (SplitBottleneck, (3, 4, 6, 3)),
        101: (SplitBottleneck, (3, 4, 23, 3)),
        152: (SplitBottleneck, (3, 8, 36, 3)),
        200: (SplitBottleneck, (3, 24, 36, 3)),
    }

    def __init__(
        self,
        *,
        groups: Count = 1,
        base_width: Count = 4,
        radix: Count = 2,
        reduction_factor: Count = 4,
        avg_down_stride: bool = True,
        **resnet,
    ) -> None:
        self.groups = groups
        self.base_width = base_width
        self.split: dict[str, Any] = {
            'radix': radix,
            'reduction_factor': reduction_factor,
            'avg_down_stride': avg_down_stride,
        }
        super().__init__(**resnet)

    def build_block(self, **settings) -> nn.Module:
        """One bottleneck with split attention."""
        width = group_width(settings['channels'], self.groups, self.base_width, self.base_channels)
        return SplitBottleneck(width=width, groups=self.groups, **self.split, **settings)

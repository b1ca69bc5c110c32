"""The decoder of DANet (Fu et al., 2019): attention between positions and between channels."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.layers import ConvModule
from mmseg.models.layers.attention import single_head
from mmseg.registry import MODELS


class DualLogits(NamedTuple):
    """Logits (B, classes, h, w) of both attentions together, of that between positions, of that between channels."""

    pam_cam: Tensor
    pam: Tensor
    cam: Tensor


class Attended(NamedTuple):
    """What the attention between positions and that between channels make of the map, (B, channels, h, w)."""

    pam: Tensor
    cam: Tensor


class Scale(nn.Module):
    """A learnt factor that starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class PositionAttention(nn.Module):
    """Every position attends to all others (sec. 3.2), scores unscaled; (B, C, H, W) -> the same."""

    def __init__(self, *, in_channels: int, channels: int) -> None:
        super().__init__()
        self.key_project = nn.Conv2d(in_channels, channels, 1)
        self.query_project = nn.Conv2d(in_channels, channels, 1)
        self.value_project = nn.Conv2d(in_channels, in_channels, 1)
        self.gamma = Scale()

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            project(x).flatten(2).transpose(1, 2)
            for project in (self.query_project, self.key_project, self.value_project)
        )
        context = single_head(query, key, value, scale=1.0)
        return self.gamma(context.transpose(1, 2).reshape(x.shape)) + x


class ChannelAttention(nn.Module):
    """Every channel attends to the channels least like it (sec. 3.3); (B, C, H, W) -> the same."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = Scale()

    def forward(self, x: Tensor) -> Tensor:
        channels = x.flatten(2)
        # the softmax of (maximum - similarity) is that of -similarity
        context = single_head(-channels, channels, channels, scale=1.0)
        return self.gamma(context.reshape(x.shape)) + x


@MODELS.register_module()
class DAHead(BaseDecodeHead):
    """Two attentions side by side; it predicts with their sum, and trains each of them too.

    Args:
        pam_channels: channels of keys and queries of the attention between positions.
        **head: see :class:`BaseDecodeHead`.
    """

    def __init__(self, *, pam_channels: int, **head: Any) -> None:
        super().__init__(**head)
        inputs = self.map_channels()
        self.pam_in_conv = self._conv(inputs)
        self.pam = PositionAttention(in_channels=self.channels, channels=pam_channels)
        self.pam_out_conv = self._conv(self.channels)
        self.pam_conv_seg = nn.Conv2d(self.channels, self.outputs, 1)
        self.cam_in_conv = self._conv(inputs)
        self.cam = ChannelAttention()
        self.cam_out_conv = self._conv(self.channels)
        self.cam_conv_seg = nn.Conv2d(self.channels, self.outputs, 1)

    def _conv(self, in_channels: int) -> ConvModule:
        return ConvModule(in_channels, self.channels, 3, padding=1, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)

    def embed(self, features: Sequence[Tensor]) -> Attended:
        """Features of all stages -> both maps, at the size of the one read."""
        x = self.transform_inputs(features)
        return Attended(
            pam=self.pam_out_conv(self.pam(self.pam_in_conv(x))),
            cam=self.cam_out_conv(self.cam(self.cam_in_conv(x))),
        )

    def cls_seg(self, embedded: Attended) -> Tensor:
        """Both maps -> logits (B, classes, h, w) of their sum."""
        return super().cls_seg(embedded.pam + embedded.cam)

    def logits_of(self, embedded: Attended) -> DualLogits:
        """Both maps -> the three predictions that :meth:`losses` descends."""
        return DualLogits(
            pam_cam=self.cls_seg(embedded),
            pam=self.of_classes(self.pam_conv_seg(self.dropout(embedded.pam))),
            cam=self.of_classes(self.cam_conv_seg(self.dropout(embedded.cam))),
        )

    def prediction(self, logits: DualLogits) -> Tensor:
        """The logits of both attentions together."""
        return logits.pam_cam

    def losses(self, logits: Tensor | DualLogits, label: Tensor, seg_weight: Tensor | None = None) -> dict[str, Tensor]:
        """Losses and accuracy of each prediction, as :meth:`BaseDecodeHead.losses`, under ``pam_cam.loss_seg``, ..."""
        if isinstance(logits, Tensor):
            raise TypeError('DAHead descends three predictions: give losses() what logits_of() returns')
        return {
            f'{prefix}.{name}': value
            for prefix, prediction in logits._asdict().items()
            for name, value in super(DAHead, self).losses(prediction, label, seg_weight).items()
        }

"""The decoder of DeepLabV2 (Chen et al., 2016) as domain adaptation has used it since AdaptSegNet."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mmseg.config.values import Count
from mmseg.models.decode_heads.decode_head import CROSS_ENTROPY, BaseDecodeHead
from mmseg.models.layers import ConvModule
from mmseg.registry import MODELS

INIT = {'type': 'Normal', 'std': 0.01, 'override': {'name': 'aspp_modules'}}


@MODELS.register_module()
class DLV2Head(BaseDecodeHead):
    """One dilated 3x3 classifier per rate, summed; there is neither norm nor dropout nor anything in front.

    Args:
        in_channels: channels of the stage read.
        num_classes: number of classes.
        in_index: which stage is read.
        dilations: one rate per classifier.
        loss_decode: a loss, or several that are added up.
        ignore_index: class id of pixels without a label; None: 255, or 65535 beyond 255 classes.
        align_corners: how logits are resized.
        init_cfg: how the classifiers start.
    """

    def __init__(
        self,
        *,
        in_channels: Count,
        num_classes: Count,
        in_index: int = -1,
        dilations: Sequence[Count] = (6, 12, 18, 24),
        loss_decode: Mapping | Sequence[Mapping] = CROSS_ENTROPY,
        ignore_index: int | None = None,
        align_corners: bool = False,
        init_cfg: Mapping | None = INIT,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            channels=num_classes,
            num_classes=num_classes,
            in_index=in_index,
            dropout_ratio=0.0,
            act_cfg=None,
            loss_decode=loss_decode,
            ignore_index=ignore_index,
            align_corners=align_corners,
            init_cfg=init_cfg,
        )
        self.conv_seg = None
        self.aspp_modules = nn.ModuleList(
            ConvModule(in_channels, num_classes, 3, padding=rate, dilation=rate, act_cfg=None) for rate in dilations
        )

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Features of all stages -> the one that is read: nothing stands in front of the classifiers."""
        return self.transform_inputs(features)

    def cls_seg(self, embedded: Tensor) -> Tensor:
        """A stage -> logits (B, classes, h, w) at its size."""
        return torch.stack([classify(embedded) for classify in self.aspp_modules]).sum(dim=0)

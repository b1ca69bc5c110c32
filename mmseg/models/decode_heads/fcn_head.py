"""The fully convolutional head (Long et al., 2015), mostly used as an auxiliary head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.config.values import Count, Whole
from mmseg.errors import InputError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.layers import ConvModule
from mmseg.registry import MODELS


@MODELS.register_module()
class FCNHead(BaseDecodeHead):
    """A few convolutions in front of the classifier.

    Args:
        num_convs: number of convolutions; 0 classifies the input as it is.
        kernel_size: their kernel.
        concat_input: show the input once more to a last convolution behind them.
        dilation: their dilation.
        **head: see :class:`BaseDecodeHead`.
    """

    def __init__(
        self,
        *,
        num_convs: Whole = 2,
        kernel_size: Count = 3,
        concat_input: bool = True,
        dilation: Count = 1,
        **head: Any,
    ) -> None:
        super().__init__(**head)
        inputs = self.map_channels()
        if num_convs == 0 and inputs != self.channels:
            raise InputError(f'FCNHead with num_convs=0: channels ({self.channels}) must be the {inputs} it reads')
        style: dict[str, Any] = {'norm_cfg': self.norm_cfg, 'act_cfg': self.act_cfg}
        padding = kernel_size // 2 * dilation
        self.convs = nn.Sequential(
            *(
                ConvModule(
                    inputs if i == 0 else self.channels,
                    self.channels,
                    kernel_size,
                    padding=padding,
                    dilation=dilation,
                    **style,
                )
                for i in range(num_convs)
            )
        )
        self.conv_cat = (
            ConvModule(inputs + self.channels, self.channels, kernel_size, padding=kernel_size // 2, **style)
            if concat_input
            else None
        )

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Features of all stages -> (B, channels, h, w) at the size of the one read."""
        x = self.transform_inputs(features)
        hidden = self.convs(x)
        if self.conv_cat is not None:
            hidden = self.conv_cat(torch.cat([x, hidden], dim=1))
        return hidden

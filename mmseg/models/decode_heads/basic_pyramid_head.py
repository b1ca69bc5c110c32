"""The plain pyramid decoder of VFM-UDA++ (Englert et al., 2025)."""

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.layers import ConvModule, resize
from mmseg.models.layers.norm import ChannelNorm
from mmseg.registry import MODELS

BN = {'type': 'BN', 'requires_grad': True}


class Step(nn.Module):
    """Enlarge a map twice, add the next finer one, and mix: 3x3 convolution, norm, ReLU."""

    def __init__(self, *, coarse: int, fine: int, channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(coarse, channels, 2, 2)
        self.lateral = nn.Conv2d(fine, channels, 1)
        self.mix = ConvModule(channels, channels, 3, padding=1, norm_cfg=norm_cfg)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return self.mix(resize(self.up(coarse), (fine.shape[2], fine.shape[3])) + self.lateral(fine))


@MODELS.register_module()
class BasicPyramidHead(BaseDecodeHead):
    """From the coarsest map to the finest, with half of the channels after each step; no wide context.

    Args:
        norm_cfg: of the steps.
        input_transform: each map is read on its own.
        **head: see :class:`BaseDecodeHead`; ``channels`` are those of the finest map: as published 1/8 of
            the encoder's.
    """

    def __init__(
        self,
        *,
        norm_cfg: dict = BN,
        input_transform: Literal['multiple_select'] = 'multiple_select',
        **head: Any,
    ) -> None:
        super().__init__(input_transform=input_transform, norm_cfg=norm_cfg, **head)
        *finer, last = self.stages()[1]
        widths = [self.channels * 2**i for i in reversed(range(len(finer)))]
        self.steps = nn.ModuleList(
            Step(coarse=coarse, fine=fine, channels=channels, norm_cfg=norm_cfg)
            for coarse, fine, channels in zip([last, *widths], reversed(finer), widths, strict=False)
        )
        self.last = nn.Conv2d(self.channels, self.channels, 3, padding=1)

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Maps, finest first -> (B, channels, h, w) at the size of the finest."""
        *finer, x = self.select(features)
        for step, fine in zip(self.steps, reversed(finer), strict=True):
            x = step(x, fine)
        return self.last(x)


@MODELS.register_module()
class DeconvHead(BaseDecodeHead):
    """The decoder of VFM-UDA (Englert et al., 2024): one map of a plain Transformer, enlarged by 4.

    Transposed convolution by 2, norm, GELU, another one and its norm, 3x3 convolution, norm; all have ``channels``.
    """

    def __init__(self, **head: Any) -> None:
        super().__init__(**head)
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(self.map_channels(), self.channels, 2, 2),
            ChannelNorm(self.channels),
            nn.GELU(),
            nn.ConvTranspose2d(self.channels, self.channels, 2, 2),
            ChannelNorm(self.channels),
            nn.Conv2d(self.channels, self.channels, 3, padding=1),
            ChannelNorm(self.channels),
        )

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Features -> (B, channels, 4 h, 4 w)."""
        return self.layers(self.transform_inputs(features))

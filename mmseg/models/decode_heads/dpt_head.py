"""DPT, the dense prediction Transformer's decoder (Ranftl et al., ICCV 2021, arXiv 2103.13413)."""

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn

from mmseg.config.values import Count
from mmseg.errors import InputError
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.layers import ConvModule, build_norm, resize
from mmseg.registry import MODELS

BN = {'type': 'BN', 'requires_grad': True}


class ResidualUnit(nn.Module):
    """x + two 3x3 convolutions of it, each behind a ReLU and with a norm."""

    def __init__(self, channels: int, norm_cfg: dict) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            layers += [nn.ReLU(), conv, build_norm(norm_cfg, channels)[1]]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Fusion(nn.Module):
    """Add a finer map to what comes from the coarser ones, and mix."""

    def __init__(self, channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.of_map = ResidualUnit(channels, norm_cfg)
        self.of_sum = ResidualUnit(channels, norm_cfg)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, finer: Tensor) -> Tensor:
        total = resize(x, (finer.shape[2], finer.shape[3])) + self.of_map(finer)
        return self.project(self.of_sum(total))


def reassembly(number: int, channels: int) -> nn.Module:
    """Enlarges the map of block ``number`` of four by 4, 2, 1 and 1/2."""
    if number < 2:
        factor = 4 >> number
        return nn.ConvTranspose2d(channels, channels, factor, factor)
    return nn.Identity() if number == 2 else nn.Conv2d(channels, channels, 3, 2, 1)


@MODELS.register_module()
class DPTHead(BaseDecodeHead):
    """Maps of four blocks of a plain Transformer, brought to four sizes and fused from the coarsest to the finest.

    Args:
        widths: channels of the four maps once they have their sizes.
        norm_cfg: of the residual units.
        input_transform: each map is read on its own.
        **head: see :class:`BaseDecodeHead`.

    Raises:
        InputError: there are not four maps.
    """

    def __init__(
        self,
        *,
        widths: Sequence[Count] = (96, 192, 384, 768),
        norm_cfg: dict = BN,
        input_transform: Literal['multiple_select'] = 'multiple_select',
        **head: Any,
    ) -> None:
        super().__init__(input_transform=input_transform, norm_cfg=norm_cfg, **head)
        inputs = self.stages()[1]
        if not len(inputs) == len(widths) == 4:
            raise InputError(f'DPTHead reads four maps, not {len(inputs)} (in_index), with as many widths.')
        self.reassemble = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, width, 1), reassembly(number, width))
            for number, (before, width) in enumerate(zip(inputs, widths, strict=True))
        )
        self.narrow = nn.ModuleList(nn.Conv2d(width, self.channels, 3, padding=1, bias=False) for width in widths)
        self.first = ResidualUnit(self.channels, norm_cfg)
        self.fusions = nn.ModuleList(Fusion(self.channels, norm_cfg) for _ in range(3))
        self.last = ConvModule(self.channels, self.channels, 3, padding=1, norm_cfg=norm_cfg)

    def embed(self, features: Sequence[Tensor]) -> Tensor:
        """Maps (B, C, h, w) of four blocks -> (B, channels, 4 h, 4 w)."""
        parts = zip(self.reassemble, self.narrow, self.select(features), strict=True)
        *finer, coarsest = [narrow(reassemble(x)) for reassemble, narrow, x in parts]
        x = self.first(coarsest)
        for fusion, fine in zip(self.fusions, reversed(finer), strict=True):
            x = fusion(x, fine)
        return self.last(x)

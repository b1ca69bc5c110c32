"""Pyramid pooling: context from averages over grids of several sizes."""

from collections.abc import Sequence

from torch import Tensor, nn

from mmseg.models.layers.conv_module import ConvModule
from mmseg.models.layers.resize import resize


class PyramidPooling(nn.ModuleList):
    """One branch per grid: average over its cells, project, resize to the map (Zhao et al., 'PSPNet', sec. 3.2).

    Args:
        pool_scales: cells per side of each grid.
        in_channels: channels of the map.
        channels: channels of each branch.
        norm_cfg: normalisation of the projections.
        act_cfg: activation of the projections.
        align_corners: how the branches are resized.
    """

    def __init__(
        self,
        *,
        pool_scales: Sequence[int],
        in_channels: int,
        channels: int,
        norm_cfg: dict | None,
        act_cfg: dict | None,
        align_corners: bool,
    ) -> None:
        super().__init__(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(scale),
                ConvModule(in_channels, channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg),
            )
            for scale in pool_scales
        )
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, in, H, W) -> a map (B, channels, H, W) per grid."""
        size = (x.shape[2], x.shape[3])
        return [resize(branch(x), size, align_corners=self.align_corners) for branch in self]

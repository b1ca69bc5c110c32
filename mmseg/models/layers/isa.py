"""Interlaced sparse self-attention (Huang et al., 2019): long range first, then short range."""

import math
from typing import Any

from torch import Tensor, nn

from mmseg.models.layers.attention import single_head
from mmseg.models.layers.conv_module import ConvModule
from mmseg.models.layers.pad import pad


class SelfAttentionBlock(nn.Module):
    """Dot-product attention between all positions of a map, with ``key_channels`` wide keys and queries."""

    def __init__(
        self,
        *,
        in_channels: int,
        key_channels: int,
        out_channels: int,
        num_convs: int,
        norm_cfg: dict | None,
        act_cfg: dict | None,
    ) -> None:
        super().__init__()
        style: dict[str, Any] = {'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.key_project = _projection(in_channels, key_channels, num_convs, **style)
        self.query_project = _projection(in_channels, key_channels, num_convs, **style)
        self.value_project = nn.Conv2d(in_channels, in_channels, 1)
        self.output_project = ConvModule(in_channels, out_channels, 1, **style)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H, W)."""
        height, width = x.shape[2:]
        query, key, value = (
            project(x).flatten(2).transpose(1, 2)
            for project in (self.query_project, self.key_project, self.value_project)
        )
        context = single_head(query, key, value)
        return self.output_project(context.transpose(1, 2).reshape(len(x), -1, height, width))


class ISALayer(nn.Module):
    """Interlaced self-attention on ``channels`` features projected from the input.

    Args:
        in_channels: channels of the input map.
        channels: channels of values and output.
        isa_channels: channels of keys and queries.
        key_query_num_convs: convolutions in the projection of keys and of queries.
        down_factor: (height, width) of the blocks, in pixels of the map.
        in_kernel_size: kernel of the projection of the input.
        norm_cfg: normalisation of every projection but that of the values.
        act_cfg: activation of the same.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        isa_channels: int,
        key_query_num_convs: int = 1,
        down_factor: tuple[int, int] = (8, 8),
        in_kernel_size: int = 1,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.down_factor = (down_factor[0], down_factor[1])
        self.in_conv = ConvModule(
            in_channels, channels, in_kernel_size, padding=in_kernel_size // 2, norm_cfg=norm_cfg, act_cfg=act_cfg
        )
        self.global_relation, self.local_relation = (
            SelfAttentionBlock(
                in_channels=channels,
                key_channels=isa_channels,
                out_channels=channels,
                num_convs=key_query_num_convs,
                norm_cfg=norm_cfg,
                act_cfg=act_cfg,
            )
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, channels, H, W)."""
        return interlace(self.in_conv(x), self.down_factor, self.global_relation, self.local_relation)


def interlace(x: Tensor, block: tuple[int, int], long_range: nn.Module, short_range: nn.Module) -> Tensor:
    """Attention over a whole map (B, C, H, W) in two sparse steps.

    The map is cut into blocks of ``block`` pixels. First every pixel attends to those in the same place of all other
    blocks (``long_range``), then to those of its own block (``short_range``). A map that the blocks do not tile is
    padded with zeros, evenly on both sides.
    """
    batch, channels, height, width = x.shape
    rows, columns = math.ceil(height / block[0]), math.ceil(width / block[1])
    missing_h, missing_w = rows * block[0] - height, columns * block[1] - width
    top, left = missing_h // 2, missing_w // 2
    x = pad(x, (left, missing_w - left, top, missing_h - top))

    x = x.reshape(batch, channels, rows, block[0], columns, block[1])
    x = long_range(x.permute(0, 3, 5, 1, 2, 4).reshape(-1, channels, rows, columns))

    x = x.reshape(batch, *block, channels, rows, columns)
    x = short_range(x.permute(0, 4, 5, 3, 1, 2).reshape(-1, channels, *block))

    x = x.reshape(batch, rows, columns, channels, *block).permute(0, 3, 1, 4, 2, 5)
    x = x.reshape(batch, channels, rows * block[0], columns * block[1])
    return x[:, :, top : top + height, left : left + width] if missing_h or missing_w else x


def _projection(in_channels: int, channels: int, num_convs: int, **style: Any) -> nn.Module:
    convs = [ConvModule(in_channels if i == 0 else channels, channels, 1, **style) for i in range(num_convs)]
    return convs[0] if num_convs == 1 else nn.Sequential(*convs)

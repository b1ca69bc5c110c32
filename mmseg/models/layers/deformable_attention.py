"""Multi-scale deformable attention (Zhu et al., ICLR 2021, arXiv 2010.04159) in plain PyTorch."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Size = tuple[int, int]


class DeformableAttention(nn.Module):
    """Each query looks at a few places of maps of several sizes, around its own place (eq. 3).

    Args:
        channels: of queries, features and the result.
        heads: each looks at places of its own.
        levels: number of maps.
        points: places that a head looks at in each map.
        ratio: channels inside, as a share of ``channels``.
    """

    adds_in_any_order = True  # on a GPU, where several queries look at one pixel: torch's way back of grid_sample

    def __init__(self, *, channels: int, heads: int, levels: int, points: int = 4, ratio: float = 1.0) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        inner = int(channels * ratio)
        self.sampling_offsets = nn.Linear(channels, heads * levels * points * 2)
        self.attention_weights = nn.Linear(channels, heads * levels * points)
        self.value_proj = nn.Linear(channels, inner)
        self.output_proj = nn.Linear(inner, channels)
        self.draw()

    def draw(self) -> None:
        """At the start the heads look in different directions, at 1, 2, ... pixels' distance, with equal weights."""
        for linear in (self.sampling_offsets, self.attention_weights):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        for linear in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        angle = torch.arange(self.heads, dtype=torch.float32) * (2 * math.pi / self.heads)
        direction = torch.stack([angle.cos(), angle.sin()], dim=-1)
        direction = direction / direction.abs().amax(dim=-1, keepdim=True)
        steps = torch.arange(1, self.points + 1, dtype=torch.float32)
        offsets = direction[:, None, None] * steps[:, None]
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.expand(-1, self.levels, -1, -1).flatten())

    def forward(self, queries: Tensor, places: Tensor, features: Tensor, sizes: Sequence[Size]) -> Tensor:
        """What the queries see, (B, N, C).

        Args:
            queries: (B, N, C).
            places: (N, 2) of the queries, (x, y) in 0..1 of the image.
            features: (B, M, C), the pixels of all maps one after another.
            sizes: (height, width) of the maps.
        """
        batch, count, _ = queries.shape
        shape = (batch, count, self.heads, self.levels, self.points)
        value = self.value_proj(features).unflatten(-1, (self.heads, -1))
        offsets = self.sampling_offsets(queries).view(*shape, 2)
        weights = self.attention_weights(queries).view(batch, count, self.heads, -1).softmax(dim=-1).view(shape)
        # filled where it is used: numbers that come from the host are waited for
        sides = [places.new_full((1,), side) for height, width in sizes for side in (width, height)]
        scale = torch.cat(sides).view(-1, 2)
        looked_at = places[:, None, None, None] + offsets / scale[:, None]
        return self.output_proj(sampled(value, sizes, looked_at, weights))


def sampled(value: Tensor, sizes: Sequence[Size], places: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of what is at places of several maps, between pixels by bilinear interpolation, 0 outside.

    Args:
        value: (B, M, heads, d), the pixels of all maps one after another.
        sizes: (height, width) of the maps.
        places: (B, N, heads, maps, points, 2), (x, y) in 0..1 of the maps.
        weights: (B, N, heads, maps, points).

    Returns:
        (B, N, heads * d).
    """
    batch, count, heads = places.shape[:3]
    precision = torch.promote_types(value.dtype, torch.float32)
    grids = (2 * places - 1).to(precision).transpose(1, 2).flatten(0, 1)  # (B * heads, N, maps, points, 2)
    shares = weights.to(precision).transpose(1, 2).flatten(0, 1).unsqueeze(1)  # (B * heads, 1, N, maps, points)
    total: Tensor | None = None
    for level, (part, size) in enumerate(zip(value.split([h * w for h, w in sizes], dim=1), sizes, strict=True)):
        pixels = part.permute(0, 2, 3, 1).reshape(batch * heads, -1, *size).to(precision)
        seen = F.grid_sample(pixels, grids[:, :, level], mode='bilinear', padding_mode='zeros', align_corners=False)
        summed = (seen * shares[:, :, :, level]).sum(-1)
        total = summed if total is None else total + summed
    assert total is not None
    return total.view(batch, -1, count).transpose(1, 2).to(value.dtype)


def places_of(size: Size, device: torch.device) -> Tensor:
    """(N, 2): the centres of the pixels of a map of ``size`` (height, width), row by row, as (x, y) in 0..1."""
    rows, columns = ((torch.arange(side, device=device) + 0.5) / side for side in size)
    y, x = torch.meshgrid(rows, columns, indexing='ij')
    return torch.stack([x.flatten(), y.flatten()], dim=-1)

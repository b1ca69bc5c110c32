"""A linear map at every pixel."""

from torch import Tensor, nn

from mmseg.models.layers.linear import Linear


class LinearEmbedding(nn.Module):
    """The same linear map (named ``proj``) at every pixel of a feature map."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.proj = Linear(in_channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, channels, H, W)."""
        return self.proj(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

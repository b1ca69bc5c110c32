"""The feed-forward network of a Transformer block."""

from torch import Tensor, nn

from mmseg.models.layers.activation import build_activation
from mmseg.models.layers.linear import Linear

GELU = {'type': 'GELU'}


class FeedForward(nn.Module):
    """Linear -> activation -> linear, each followed by dropout (Vaswani et al., 2017, eq. 2); (..., C) -> (..., C).

    The parameter names (``layers.0.0``, ``layers.1``) are those of published checkpoints.
    """

    def __init__(self, *, channels: int, hidden: int, drop: float = 0.0, act_cfg: dict = GELU) -> None:
        super().__init__()
        first = nn.Sequential(Linear(channels, hidden), build_activation(act_cfg), nn.Dropout(drop))
        self.layers = nn.Sequential(first, Linear(hidden, channels), nn.Dropout(drop))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

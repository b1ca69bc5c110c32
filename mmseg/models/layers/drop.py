"""Stochastic depth."""

from torch import Tensor, nn


class DropPath(nn.Module):
    """Drop a residual branch for a whole sample (Huang et al., 'Deep Networks with Stochastic Depth').

    In training each sample keeps the branch with probability 1 - ``drop_prob`` and scales it by the inverse,
    so that the expected value stays. Setting ``drop_prob`` to 0 switches it off.
    """

    def __init__(self, drop_prob: float = 0.0) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (B, ...) with whole samples set to zero."""
        if not self.training or self.drop_prob == 0.0:
            return x
        keep = 1.0 - self.drop_prob
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * (mask / keep)

    def extra_repr(self) -> str:
        return f'drop_prob={self.drop_prob:.4f}'


def drop_path_rates(last: float, num_blocks: int) -> list[float]:
    """Probabilities growing linearly over the blocks from 0 to ``last``."""
    return [last * i / max(num_blocks - 1, 1) for i in range(num_blocks)]

"""Stochastic depth."""

from collections.abc import Iterable
from typing import Any

import torch
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

    def add(self, x: Tensor, branch: Tensor, drawn: 'DrawnPaths | None', use: int = 0) -> Tensor:
        """``x + forward(branch)``, with what was drawn for this layer where it was drawn at once for all.

        Args:
            x: (B, ...), what the branch is added to; in its precision they are added.
            branch: of the same shape.
            drawn: of the whole encoder; None draws here.
            use: which use of this layer in a forward pass it is, from 0.
        """
        if drawn is None or self not in drawn:
            return x + self(branch)
        return _AddScaled.apply(x, branch, drawn.factor(self, use, x.dtype).view(-1, *(1,) * (branch.ndim - 1)))

    def extra_repr(self) -> str:
        return f'drop_prob={self.drop_prob:.4f}'


class _AddScaled(torch.autograd.Function):
    """``x + branch * factor``: one launch there and one back, also where the branch is in half precision.

    torch would multiply the factor by 1 on the way back, and cast a half branch, and its gradient, in a launch each.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, branch: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        ctx.dtype = branch.dtype
        return torch.addcmul(x, branch, factor, out=torch.empty_like(x))  # autocast would cast for one without out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        (factor,) = ctx.saved_tensors
        of_branch = torch.empty_like(gradient, dtype=ctx.dtype)
        return gradient, torch.mul(gradient, factor, out=of_branch), None


class DrawnPaths:
    """What the residual branches of a forward pass are multiplied with: one draw for all layers.

    A draw of its own for every layer is three launches each on a GPU.

    Args:
        layers: those with a rate above 0.
        samples: B.
        uses: how often a forward pass uses each layer.
        device: where they are used.
    """

    def __init__(self, layers: list[DropPath], samples: int, uses: int, device: torch.device) -> None:
        keep = torch.tensor([1.0 - layer.drop_prob for layer in layers for _ in range(uses)])[:, None]
        keep = keep.to(device, non_blocking=True)
        self._factors = {torch.float32: torch.bernoulli(keep.expand(-1, samples)) / keep}
        self._rows = {layer: uses * i for i, layer in enumerate(layers)}

    def __contains__(self, layer: DropPath) -> bool:
        return layer in self._rows

    def factor(self, layer: DropPath, use: int, dtype: torch.dtype) -> Tensor:
        """(B,), 0 or the inverse of the probability to keep the branch."""
        if dtype not in self._factors:
            self._factors[dtype] = self._factors[torch.float32].to(dtype)
        return self._factors[dtype][self._rows[layer] + use]


def draw_paths(blocks: Iterable[nn.Module], x: Tensor, *, uses: int = 2) -> DrawnPaths | None:
    """Draw for the ``drop_path`` of all ``blocks`` of an encoder at once; None where nothing is dropped.

    Compiled encoders draw in each layer: there a draw is a part of the kernel that needs it.

    Args:
        blocks: with a :class:`DropPath` each.
        x: what the encoder is given, (B, ...).
        uses: of the layer in a forward pass of its block.
    """
    layers: list[DropPath] = [block.drop_path for block in blocks]  # type: ignore[misc]
    acting = [layer for layer in layers if layer.training and layer.drop_prob > 0.0]
    if not acting or torch.compiler.is_compiling():
        return None
    return DrawnPaths(acting, len(x), uses, x.device)


def drop_path_rates(last: float, num_blocks: int) -> list[float]:
    """Probabilities growing linearly over the blocks from 0 to ``last``."""
    return [last * i / max(num_blocks - 1, 1) for i in range(num_blocks)]

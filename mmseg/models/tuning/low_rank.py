"""Linear layers whose weights stay, with a learnt difference of low rank."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.tuning.rules import chosen, layers_of


class LowRankLinear(nn.Linear):
    """y = x W^T + b + (x D^T) U^T: W (out, in) and b stay, D (r, in) and U (out, r) are what :meth:`factors` gives.

    A layer becomes one by its class alone: its parameters keep their names.

    Attributes:
        plain: the class that the layer was of.
    """

    plain: type[nn.Linear]

    @abstractmethod
    def factors(self) -> tuple[Tensor, Tensor]:
        """D and U."""

    def forward(self, input: Tensor) -> Tensor:
        down, up = self.factors()
        kept = self._parameters['weight']
        assert kept is not None
        return F.linear(input, kept, self.bias) + F.linear(F.linear(input, down), up)

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """W + U D: what those get that take the weights of a layer instead of calling it."""
        down, up = self.factors()
        kept = self._parameters['weight']
        assert kept is not None
        return kept.to(torch.promote_types(kept.dtype, torch.float32)) + up @ down


def linear_layers(encoder: nn.Module, patterns: list[str], *, owner: str, first_block: int) -> list[nn.Linear]:
    """The linear layers that are called as one of ``patterns``, from block ``first_block`` on.

    Raises:
        InputError: no linear layer has one of the names, a rule in front of this one has taken it, or there is none so
            far behind.
    """
    linear = {name: layer for name, layer in layers_of(encoder).items() if isinstance(layer, nn.Linear)}
    layers = chosen(linear, patterns, owner=owner)
    if first_block:
        depths = encoder.block_depths()  # type: ignore[operator]
        layers = {name: layer for name, layer in layers.items() if depths[f'{name}.weight'] > first_block}
        if not layers:
            raise InputError(
                f'{owner}: first_block={first_block}, but none of its layers is in that block or behind it; the blocks '
                f'are 0 to {max(depths.values()) - 1}.'
            )
    taken = next((name for name, layer in layers.items() if isinstance(layer, LowRankLinear)), None)
    if taken is not None:
        raise InputError(f'{owner}: another rule of model.tuning has {taken} already: name each layer in one rule.')
    return list(layers.values())


def become(layer: nn.Linear, kind: type[LowRankLinear]) -> LowRankLinear:
    """Let ``layer`` be of the class ``kind`` from here on."""
    layer.plain = type(layer)  # type: ignore[assignment]
    layer.__class__ = kind
    assert isinstance(layer, kind)
    return layer

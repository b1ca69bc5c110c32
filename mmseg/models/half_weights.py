"""Weights in half precision, cast all at once: autocast would cast each of them, anew in every forward pass."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.models.layers.norm import OwnPrecisionNorm

#: layers all of whose weights are handed to a kernel in half precision
LAYERS = (nn.Linear, nn.modules.conv._ConvNd, OwnPrecisionNorm)


class HalfWeights:
    """A network whose linear layers and convolutions have weights in half precision for a while.

    What they compute is what autocast lets them compute, bit for bit, gradients of the weights too; likewise the norms
    between them that compute in half precision. Parts that are
    compiled are left alone: there a cast is fused with others.

    Args:
        network: its modules must not be added or taken away later.
        dtype: bfloat16 or float16.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self._places = [
            (module._parameters, name)
            for module in _uncompiled(network)
            if isinstance(module, LAYERS)
            for name, parameter in module._parameters.items()
            if parameter is not None and parameter.dtype is torch.float32
        ]
        self._kept: dict[Tensor, tuple[Tensor, int]] = {}  # by weight: its copy, and the version that was copied

    @contextmanager
    def put_in(self, *, learns: bool) -> Iterator[None]:
        """Within, the layers hold the half copies.

        Args:
            learns: gradients are wanted: those that are trained are copied once more, with a graph. The other copies
                are kept, and made anew only where a weight has changed.
        """
        weights = [store[name] for store, name in self._places]
        trained = [learns and weight is not None and weight.requires_grad for weight in weights]
        halves = self._still([w for w, moves in zip(weights, trained, strict=True) if not moves])
        moving = [w for w, moves in zip(weights, trained, strict=True) if moves]
        graph = iter(_Halved.apply(self.dtype, *moving) if moving else ())
        for (store, name), moves in zip(self._places, trained, strict=True):
            store[name] = next(graph) if moves else next(halves)
        try:
            yield
        finally:
            for (store, name), weight in zip(self._places, weights, strict=True):
                store[name] = weight

    @torch.no_grad()
    def _still(self, weights: Sequence[Any]) -> Iterator[Any]:
        """Copies of the ``weights``, up to date."""
        stale = [w for w in weights if w not in self._kept or self._kept[w][1] != w._version]
        if stale:
            copies = [self._kept[w][0] if w in self._kept else torch.empty_like(w, dtype=self.dtype) for w in stale]
            torch._foreach_copy_(copies, stale)
            self._kept |= {w: (half, w._version) for w, half in zip(stale, copies, strict=True)}
        return iter([self._kept[w][0] for w in weights])


class _Halved(torch.autograd.Function):
    """Copies of many tensors in another type, in a few launches; their gradients likewise."""

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.full = weights[0].dtype
        halves = [torch.empty_like(weight, dtype=dtype) for weight in weights]
        torch._foreach_copy_(halves, [*weights])
        return tuple(halves)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        given = [gradient for gradient in gradients if gradient is not None]
        if not given:
            return (None, *gradients)
        full = [torch.empty_like(gradient, dtype=ctx.full) for gradient in given]
        torch._foreach_copy_(full, given)
        found = iter(full)
        return (None, *(None if gradient is None else next(found) for gradient in gradients))


def _uncompiled(network: nn.Module) -> Iterator[nn.Module]:
    """Every module of ``network`` once, without those that are compiled, and what is in them."""
    seen = {
        id(part) for module in network.modules() if module._compiled_call_impl is not None for part in module.modules()
    }
    return (module for module in network.modules() if id(module) not in seen)

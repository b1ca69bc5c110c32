"""Layers that compute another way: their error is bounded against float64, not against another order of float32."""

import copy

import torch
from torch import Tensor, nn

ROUNDING = 2.0**-24  # of float32, relative to what is rounded


def assert_within_rounding(layer: nn.Module, x: Tensor, plain: type[nn.Module]) -> None:
    """Output and gradients of a layer of ``weight`` (out, in, ...) and ``bias`` are those of ``plain.forward``.

    In whatever order a processor adds n products, the sum is off by at most n roundings of the sum of their absolute
    values.
    """
    with torch.no_grad():
        shape = plain.forward(layer, x).shape
    channels = len(layer.weight)
    gradient = torch.linspace(-1, 1, shape.numel()).view(shape)  # no two positions alike
    to_output = layer.weight[0].numel() + 1  # and the bias
    to_input = layer.weight[:, 0].numel() // getattr(layer, 'groups', 1)
    to_parameter = shape.numel() // channels
    terms = [to_output, to_input, *[to_parameter] * len(list(layer.parameters()))]

    exact = copy.deepcopy(layer).double()
    absolute = copy.deepcopy(exact)
    for parameter in absolute.parameters():
        parameter.data.abs_()
    computed = passed(layer, x, gradient, type(layer))
    true = passed(exact, x.double(), gradient.double(), plain)
    totals = passed(absolute, x.double().abs(), gradient.double().abs(), plain)
    for ours, value, total, count in zip(computed, true, totals, terms, strict=True):
        assert ours.shape == value.shape
        assert ((ours - value).abs() <= count * ROUNDING * total).all()


def passed(layer: nn.Module, x: Tensor, gradient: Tensor, kind: type[nn.Module]) -> list[Tensor]:
    """Output and gradients of input and parameters, computed by the ``forward`` of ``kind``."""
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = kind.forward(layer, x)
    return [y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], gradient)]

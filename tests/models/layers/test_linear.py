"""A linear layer on its other way, which it takes on some CPUs, is ``nn.Linear`` to 1e-5 of the largest value."""

import pytest
import torch
from torch import nn

from mmseg.models.layers import linear
from mmseg.models.layers.linear import Linear


@pytest.fixture
def amd(monkeypatch):
    monkeypatch.setattr(linear, 'SLOW_PRODUCTS', True)
    calls = []
    monkeypatch.setattr(linear, 'pointwise', lambda *args, way=linear.pointwise: calls.append(1) or way(*args))
    return calls


def run(layer: nn.Linear, x: torch.Tensor, kind: type[nn.Linear]) -> list[torch.Tensor]:
    x = x.detach().requires_grad_()
    layer.zero_grad()
    y = kind.forward(layer, x)
    (y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum().backward()
    return [y, x.grad, *(parameter.grad.clone() for parameter in layer.parameters())]


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('shape', [(1, 5, 320), (2, 5, 320), (7, 320), (2, 3, 4, 320)])
def test_a_wide_layer_is_the_plain_one(amd, shape, bias):
    layer, x = Linear(320, 336, bias=bias), torch.randn(shape)
    for ours, plain in zip(run(layer, x, Linear), run(layer, x, nn.Linear), strict=True):
        assert ours.shape == plain.shape
        torch.testing.assert_close(ours, plain, rtol=0, atol=1e-5 * plain.abs().max().item())
    assert len(amd) == 1


@pytest.mark.parametrize(('inputs', 'outputs', 'dtype'), [(64, 320, torch.float32), (320, 320, torch.float64)])
def test_narrow_and_double_layers_are_left_alone(amd, inputs, outputs, dtype):
    Linear(inputs, outputs).to(dtype)(torch.randn(2, inputs, dtype=dtype))
    assert not amd


def test_autocast_decides_for_itself(amd):
    with torch.autocast('cpu', torch.bfloat16):
        assert Linear(320, 320)(torch.randn(2, 320)).dtype == torch.bfloat16
    assert not amd


def test_other_cpus_keep_the_plain_layer(amd, monkeypatch):
    monkeypatch.setattr(linear, 'SLOW_PRODUCTS', False)
    Linear(320, 320)(torch.randn(2, 320))
    assert not amd

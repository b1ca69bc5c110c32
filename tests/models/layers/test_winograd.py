"""Winograd's way to a 3x3 convolution computes what ``F.conv2d`` does, with the rounding of fewer sums."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.models.layers import conv, winograd
from mmseg.models.layers.conv import Conv2d

#: of the largest value. Sums of patches are rounded once more than plain ones
TOLERANCE = 2e-6


@pytest.fixture(autouse=True)
def few_products(monkeypatch):
    """As on a processor where this way is the faster one; calls are noted."""
    calls = []
    monkeypatch.setattr(conv, 'FEW_PRODUCTS', conv.ONEDNN)
    monkeypatch.setattr(conv, 'winograd', lambda *args: calls.append(1) or winograd.winograd(*args))
    return calls


def values(x: Tensor, weight: Tensor, bias: Tensor | None, way) -> list[Tensor]:
    """Result and gradients, in the numbers of ``x``."""
    leaves = [t.detach().clone().requires_grad_() for t in (x, weight, bias) if t is not None]
    y = way(*leaves, *([None] if bias is None else []))
    gradient = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view(y.shape).to(y.dtype)
    return [y.detach(), *torch.autograd.grad(y, leaves, gradient)]


def plain(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return F.conv2d(x, weight, bias, padding=1)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('size', [(1, 1), (2, 2), (3, 5), (8, 6), (7, 10), (40, 70)])
def test_it_is_the_plain_convolution_and_so_are_its_gradients(size, bias):
    x, weight = torch.randn(2, 5, *size), torch.randn(4, 5, 3, 3)
    given = (x, weight, torch.randn(4) if bias else None)
    ours = values(*given, winograd.winograd)
    exact = values(*(None if t is None else t.double() for t in given), plain)
    for found, true in zip(ours, exact, strict=True):
        assert found.shape == true.shape
        assert (found - true).abs().max() <= TOLERANCE * true.abs().max() * max(1, x[0, 0].numel() ** 0.5 / 8)


def test_in_double_precision_it_is_exact():
    given = torch.randn(1, 3, 9, 6).double(), torch.randn(2, 3, 3, 3).double(), torch.randn(2).double()
    for found, true in zip(values(*given, winograd.winograd), values(*given, plain), strict=True):
        torch.testing.assert_close(found, true, rtol=0, atol=1e-12)


def test_an_image_of_several_strips_is_the_plain_one(monkeypatch):
    monkeypatch.setattr(winograd, 'TILE', winograd.TILE._replace(patches=3))
    given = torch.randn(2, 3, 11, 4).double(), torch.randn(2, 3, 3, 3).double(), None
    for found, true in zip(values(*given, winograd.winograd), values(*given, plain), strict=True):
        torch.testing.assert_close(found, true, rtol=0, atol=1e-12)


def test_by_hand():
    """One pixel of 1 in the middle of 3x3 gives the kernel, mirrored."""
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 1, 1] = 1
    kernel = torch.arange(1.0, 10).view(1, 1, 3, 3)
    assert winograd.winograd(x, kernel, None)[0, 0].tolist() == [[9, 8, 7], [6, 5, 4], [3, 2, 1]]


def test_large_convolutions_of_heads_take_it_and_keep_channels_last(few_products):
    layer, x = Conv2d(128, 128, 3, padding=1), torch.randn(2, 128, 32, 32)
    x = x.contiguous(memory_format=torch.channels_last)
    y = layer(x)
    assert few_products == ([1] if conv.ONEDNN else [])
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, plain(x, layer.weight, layer.bias), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ('settings', 'side', 'dtype'),
    [
        ({}, 16, torch.float32),
        ({'out_channels': 64}, 32, torch.float32),
        ({}, 32, torch.float64),
        ({'stride': 2}, 32, torch.float32),
        ({'padding': 0}, 32, torch.float32),
        ({'dilation': 2}, 32, torch.float32),
        ({'groups': 2}, 32, torch.float32),
        ({'kernel_size': 5}, 32, torch.float32),
        ({'padding_mode': 'reflect'}, 32, torch.float32),
    ],
)
def test_other_convolutions_are_left_alone(few_products, settings, side, dtype):
    given = {'in_channels': 128, 'out_channels': 128, 'kernel_size': 3, 'padding': 1, **settings}
    Conv2d(**given).to(dtype)(torch.randn(1, 128, side, side, dtype=dtype))
    assert not few_products


def test_autocast_takes_its_own_kernel(few_products):
    with torch.autocast('cpu', torch.bfloat16):
        assert Conv2d(128, 128, 3, padding=1)(torch.randn(1, 128, 32, 32)).dtype == torch.bfloat16
    assert not few_products


@pytest.mark.parametrize('size', [(32, 32), (33, 47)])
def test_an_image_gives_the_same_bits_alone_and_in_a_batch(size):
    layer, x = Conv2d(128, 128, 3, padding=1), torch.randn(3, 128, *size)
    torch.testing.assert_close(layer(x)[:2], layer(x[:2].clone()), rtol=0, atol=0)


def test_a_frozen_kernel_or_input_gets_no_gradient():
    x, weight = torch.randn(1, 2, 4, 4), torch.randn(3, 2, 3, 3, requires_grad=True)
    winograd.winograd(x, weight, None).sum().backward()
    assert weight.grad is not None
    y = winograd.winograd(x.requires_grad_(), weight.detach(), None)
    assert torch.autograd.grad(y.sum(), x)[0].shape == x.shape

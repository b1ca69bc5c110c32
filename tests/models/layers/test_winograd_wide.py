"""Winograd's F(4x4, 3x3), which predictions take, computes what ``F.conv2d`` does, as exactly as libraries."""

import pytest
import torch
from torch.nn import functional as F

from mmseg.models.layers import conv, winograd_wide
from mmseg.models.layers.conv import Conv2d

#: of the largest value: what oneDNN's own sum over 1024 channels is away from the one in float64
ROUNDING = 4e-6


@pytest.fixture
def taken(monkeypatch):
    """As on a processor where fewer products are the faster way; which way is taken, call by call."""
    calls = []
    monkeypatch.setattr(conv, 'FEW_PRODUCTS', conv.ONEDNN)
    for name in ('winograd', 'winograd_wide'):
        way = getattr(conv, name)
        monkeypatch.setattr(conv, name, lambda *args, name=name, way=way: calls.append(name) or way(*args))
    return calls


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('size', [(1, 1), (4, 4), (3, 5), (8, 6), (7, 13), (40, 70)])
def test_in_double_precision_it_is_the_plain_convolution(monkeypatch, size, bias):
    monkeypatch.setattr(winograd_wide, 'PATCHES', 40)  # several strips in the largest one
    x, weight = torch.randn(2, 5, *size).double(), torch.randn(4, 5, 3, 3).double()
    shift = torch.randn(4).double() if bias else None
    found, true = winograd_wide.winograd_wide(x, weight, shift), F.conv2d(x, weight, shift, padding=1)
    torch.testing.assert_close(found, true, rtol=0, atol=1e-12)


def test_by_hand():
    """One pixel of 1 in the middle of 3x3 gives the kernel, mirrored."""
    x = torch.zeros(1, 1, 3, 3).double()
    x[0, 0, 1, 1] = 1
    kernel = torch.arange(1.0, 10).view(1, 1, 3, 3).double()
    mirrored = torch.arange(9.0, 0, -1).view(3, 3).double()
    torch.testing.assert_close(winograd_wide.winograd_wide(x, kernel, None)[0, 0], mirrored, rtol=0, atol=1e-13)


@pytest.mark.parametrize('rectified', [True, False])
def test_over_the_channels_of_the_head_it_rounds_no_more_than_a_library(rectified):
    x, weight = torch.randn(1, 1024, 24, 24), torch.randn(32, 1024, 3, 3)
    x = x.relu() if rectified else x
    true = F.conv2d(x.double(), weight.double(), padding=1)
    found = winograd_wide.winograd_wide(x, weight, None)
    assert (found - true).abs().max() <= ROUNDING * true.abs().max()


@pytest.mark.skipif(not conv.ONEDNN, reason='torch without oneDNN has no other way')
@pytest.mark.parametrize(
    ('training', 'gradients', 'way'),
    [
        (False, False, 'winograd_wide'),
        (True, False, 'winograd'),  # a teacher's
        (False, True, 'winograd'),
        (True, True, 'winograd'),
    ],
)
def test_predictions_alone_take_it(taken, training, gradients, way):
    layer, x = Conv2d(128, 128, 3, padding=1).train(training), torch.randn(2, 128, 32, 32)
    with torch.set_grad_enabled(gradients):
        y = layer(x.contiguous(memory_format=torch.channels_last))
    assert taken == [way]
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, F.conv2d(x, layer.weight, layer.bias, padding=1), rtol=0, atol=1e-5)


@pytest.mark.parametrize('size', [(32, 32), (33, 47)])
@torch.no_grad()
def test_an_image_gives_the_same_bits_alone_and_in_a_batch(taken, size):
    layer, x = Conv2d(128, 128, 3, padding=1).eval(), torch.randn(3, 128, *size)
    torch.testing.assert_close(layer(x)[:2], layer(x[:2].clone()), rtol=0, atol=0)

"""A linear layer on its other way, which it takes on some CPUs, is ``nn.Linear`` to the rounding of float32."""

import pytest
import torch
from torch import nn

from mmseg.models.layers import linear
from mmseg.models.layers.linear import Linear
from tests.models.layers.rounding import assert_within_rounding


@pytest.fixture
def amd(monkeypatch):
    monkeypatch.setattr(linear, 'SLOW_PRODUCTS', True)
    calls = []
    monkeypatch.setattr(linear, 'pointwise', lambda *args, way=linear.pointwise: calls.append(1) or way(*args))
    return calls


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('shape', [(1, 150, 320), (2, 150, 320), (2, 6, 25, 320)])
def test_a_large_product_is_the_plain_one(amd, shape, bias):
    layer, x = Linear(320, 336, bias=bias), torch.randn(shape)
    assert_within_rounding(layer, x, nn.Linear)
    assert len(amd) == 1


@pytest.mark.parametrize(
    ('rows', 'inputs', 'outputs', 'dtype'),
    [(120, 320, 320, torch.float32), (256, 64, 64, torch.float32), (256, 320, 320, torch.float64)],
    ids=['few rows', 'little to do', 'double'],
)
def test_small_and_double_products_are_left_alone(amd, rows, inputs, outputs, dtype):
    Linear(inputs, outputs).to(dtype)(torch.randn(2, rows, inputs, dtype=dtype))
    assert not amd


def test_rows_that_would_not_reach_the_library_are_left_alone(amd):
    """torch would loop over the channels: 128 x 128 numbers are below its own bound."""
    Linear(128, 1024)(torch.randn(2, 128, 128))
    assert not amd


@pytest.mark.parametrize('rows', [64, 128, 150, 1024])
@pytest.mark.parametrize(('inputs', 'outputs'), [(32, 128), (64, 256), (320, 320), (320, 1280)])
def test_an_image_gives_the_same_bits_alone_and_in_a_batch(amd, rows, inputs, outputs):
    layer, x = Linear(inputs, outputs), torch.randn(4, rows, inputs)
    torch.testing.assert_close(layer(x)[:2], layer(x[:2].clone()), rtol=0, atol=0)


def test_autocast_decides_for_itself(amd):
    with torch.autocast('cpu', torch.bfloat16):
        assert Linear(320, 320)(torch.randn(1, 256, 320)).dtype == torch.bfloat16
    assert not amd


def test_other_cpus_keep_the_plain_layer(amd, monkeypatch):
    monkeypatch.setattr(linear, 'SLOW_PRODUCTS', False)
    Linear(320, 320)(torch.randn(1, 256, 320))
    assert not amd

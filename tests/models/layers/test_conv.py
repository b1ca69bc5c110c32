"""Convolutions that take another way on a CPU compute what ``nn.Conv2d`` does, to the rounding of float32."""

import pytest
import torch
from torch import nn

from mmseg.models.layers import ConvModule, conv
from mmseg.models.layers.conv import Conv2d
from mmseg.models.layers.dilated_depthwise import from_phases, to_phases
from tests.models.layers.rounding import assert_within_rounding


@pytest.mark.parametrize('products_back', [True, False])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('bias', [True, False])
def test_a_pointwise_convolution_is_the_plain_one(layout, bias, products_back, monkeypatch):
    monkeypatch.setattr(conv, 'PRODUCTS_BACK', products_back)
    assert_within_rounding(
        Conv2d(12, 7, 1, bias=bias), torch.randn(2, 12, 9, 11).contiguous(memory_format=layout), nn.Conv2d
    )


@pytest.mark.parametrize('shape', [(1, 20, 32, 32), (1, 20, 32, 33), (2, 3, 4, 5)])
def test_no_pointwise_convolution_loops_over_channels(shape):
    """torch does that with a "dilated" one whose input is below a bound of its own."""
    with torch.profiler.profile() as profile:
        Conv2d(shape[1], 7, 1)(torch.randn(shape))
    assert not [event.key for event in profile.key_averages() if 'slow_conv_dilated' in event.key]


@pytest.mark.parametrize('size', [(64, 64), (17, 23), (12, 24), (4, 5), (6, 13)])
@pytest.mark.parametrize('dilation', [2, 6, 12, 18])
def test_a_dilated_depthwise_convolution_is_the_plain_one(size, dilation):
    layer = Conv2d(8, 8, 3, padding=dilation, dilation=dilation, groups=8)
    x = torch.randn(2, 8, *size).contiguous(memory_format=torch.channels_last)
    assert_within_rounding(layer, x, nn.Conv2d)
    assert layer(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    'settings',
    [
        {'kernel_size': 1, 'stride': 2},
        {'kernel_size': 1, 'padding': 1},
        {'kernel_size': 1, 'groups': 2},
        {'kernel_size': 3, 'padding': 1, 'dilation': 2, 'groups': 8},
        {'kernel_size': 3, 'padding': 2, 'dilation': 2, 'groups': 8, 'stride': 2},
        {'kernel_size': 3, 'padding': 2, 'dilation': 2, 'groups': 8, 'padding_mode': 'reflect'},
        {'kernel_size': 3, 'padding': (2, 4), 'dilation': (2, 4), 'groups': 8},
        {'kernel_size': 5, 'padding': 2, 'dilation': 2, 'groups': 8},
        {'kernel_size': 3, 'padding': 2, 'dilation': 2},
    ],
)
def test_other_convolutions_are_left_alone(settings):
    assert_within_rounding(
        Conv2d(8, 8, **settings), torch.randn(2, 8, 15, 14).contiguous(memory_format=torch.channels_last), nn.Conv2d
    )


def test_phases_are_every_nth_pixel():
    x = torch.arange(56.0).view(1, 1, 7, 8)
    phases = to_phases(x, 3)
    assert phases.shape == (9, 1, 3, 3)
    assert phases[0, 0].tolist() == [[0, 3, 6], [24, 27, 30], [48, 51, 54]]
    assert phases[5, 0].tolist() == [[10, 13, 0], [34, 37, 0], [0, 0, 0]]  # row 1, column 2; the others lie outside
    assert torch.equal(from_phases(phases, 3, (7, 8)), x)


def test_phases_are_never_so_small_that_their_convolution_is_slow():
    x = torch.arange(20.0).view(1, 1, 4, 5)
    phases = to_phases(x, 3)
    assert phases.shape == (9, 1, 3, 3)
    assert phases[0, 0].tolist() == [[0, 3, 0], [15, 18, 0], [0, 0, 0]]
    assert torch.equal(from_phases(phases, 3, (4, 5)), x)


def test_autocast_reaches_the_phases():
    layer = ConvModule(4, 4, 3, padding=2, dilation=2, groups=4, norm_cfg={'type': 'BN'})
    x = torch.randn(2, 4, 8, 8).contiguous(memory_format=torch.channels_last)
    with torch.autocast('cpu', torch.bfloat16):
        half = layer(x)
    torch.testing.assert_close(half.float(), layer(x), rtol=0, atol=5e-2)


def test_a_batch_of_one_keeps_the_fast_layout_through_the_whole_network():
    from mmseg.registry import MODELS
    from tests.models.uda.tiny import NUM_CLASSES

    backbone = MODELS.build({'type': 'mit_b0'})
    aspp = {'type': 'aspp', 'sep': True, 'dilations': (1, 6), 'norm_cfg': {'type': 'BN'}}
    head = MODELS.build(
        {
            'type': 'DAFormerHead',
            'in_channels': [32, 64, 160, 256],
            'in_index': [0, 1, 2, 3],
            'channels': 8,
            'num_classes': NUM_CLASSES,
            'norm_cfg': {'type': 'BN'},
            'decoder_params': {
                'embed_dims': 8,
                'embed_cfg': {'type': 'mlp', 'act_cfg': None, 'norm_cfg': None},
                'fusion_cfg': aspp,
            },
        }
    )
    layouts = {}

    def note(name):
        return lambda _, inputs, output: layouts.update({name: (inputs[0], output)})

    for part in (backbone, head):
        for name, module in part.named_modules():
            if isinstance(module, nn.Conv2d) and name != 'patch_embed1.proj':
                module.register_forward_hook(note(name))
    head(backbone(torch.randn(1, 3, 64, 64).contiguous(memory_format=torch.channels_last)))
    assert len(layouts) == 3 + 6 + 8 + 5  # patch embeddings, reductions, position convolutions, the head
    for name, tensors in layouts.items():
        for x in tensors:
            _, channels, height, width = x.shape
            strides = (channels * height * width, 1, channels * width, channels)
            assert x.stride() == strides, name

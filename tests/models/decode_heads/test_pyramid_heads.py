"""Decoders of foundation encoders: maps of one size or of a pyramid -> logits at 1/4."""

import pytest
import torch

from mmseg.errors import InputError
from tests.models.networks import build, build_on_meta, daformer_head

COMMON = {'num_classes': 5, 'dropout_ratio': 0.0}
FOUR = {'in_channels': [32] * 4, 'in_index': [0, 1, 2, 3]}
HEADS = {
    'pyramid': {'type': 'BasicPyramidHead', 'channels': 4, **FOUR, **COMMON},
    'deconv': {'type': 'DeconvHead', 'in_channels': 32, 'channels': 8, **COMMON},
    'dpt': {
        'type': 'DPTHead',
        'widths': (8, 8, 16, 16),
        'channels': 8,
        'input_transform': 'multiple_select',
        **FOUR,
        **COMMON,
    },
}


def maps(head, side=4):
    sides = [8 * side, 4 * side, 2 * side, side] if head == 'pyramid' else [side] * 4
    torch.manual_seed(1)
    return [torch.rand(2, 32, one, one) for one in sides]


@pytest.mark.parametrize(('name', 'scale'), [('pyramid', 8), ('deconv', 4), ('dpt', 4)])
def test_logits_are_as_fine_as_the_decoder_says_and_everything_learns(name, scale):
    torch.manual_seed(0)
    head = build(HEADS[name]).train()
    logits = head(maps(name))
    assert logits.shape == (2, 5, 4 * scale, 4 * scale)
    logits.square().mean().backward()
    still = [key for key, parameter in head.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    # a bias in front of a norm over batch and place changes nothing
    assert [key for key in still if not key.endswith('.bias')] == []


@torch.no_grad()
@pytest.mark.parametrize('name', HEADS)
def test_maps_of_odd_sizes_are_brought_together(name):
    sides = [23, 12, 6, 3] if name == 'pyramid' else [5] * 4
    features = [torch.rand(1, 32, side, side + 1) for side in sides]
    logits = build(HEADS[name]).eval()(features)
    assert tuple(logits.shape[2:]) == ((23, 24) if name == 'pyramid' else (20, 24))


def test_channels_of_the_pyramid_halve_with_each_step():
    head = build_on_meta(HEADS['pyramid'])
    assert [step.up.out_channels for step in head.steps] == [16, 8, 4]
    assert [step.up.in_channels for step in head.steps] == [32, 16, 8]


def test_another_number_of_maps_is_refused():
    with pytest.raises(InputError, match='DPTHead reads four maps, not 2'):
        build_on_meta({**HEADS['dpt'], 'in_channels': [32, 32], 'in_index': [0, 1]})


@torch.no_grad()
def test_the_decoder_of_daformer_reads_dinov3_convnext_as_it_is():
    dims = (8, 16, 24, 32)
    encoder = {
        'type': 'TimmBackbone',
        'model_name': 'convnext_tiny',
        'settings': {'dims': dims, 'depths': (1, 1, 1, 1)},
    }
    encoder['model_name'] = 'convnext_tiny.dinov3_lvd1689m'
    segmentor = build(
        {'type': 'EncoderDecoder', 'backbone': encoder, 'decode_head': daformer_head(in_channels=[*dims])}
    )
    assert segmentor.eval()(torch.rand(1, 3, 64, 96)).shape == (1, 5, 64, 96)

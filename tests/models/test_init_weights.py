"""Networks that start from nothing draw their weights from the distributions of the reference."""

import ast
import math

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.layers import init_from_cfg
from tests.models.networks import build, tiny_segmentor
from tests.parity import manifest

STATS = manifest('init_stats')
HEADS = ['conv1', 'isa', 'aspp', 'sepaspp', 'sepaspp_bottleneck']
CASES = ['bb_mit_b0', 'head_segformer_b5', *(f'head_daformer_{name}_mitb5' for name in HEADS)]


@pytest.mark.parametrize('case', CASES)
def test_initial_weights_are_distributed_as_in_the_reference(case):
    torch.manual_seed(0)
    network = build(ast.literal_eval(STATS[case]['config']))
    network.init_weights()
    parameters = dict(network.named_parameters())
    assert parameters.keys() == STATS[case]['parameters'].keys()
    for name, expected in STATS[case]['parameters'].items():
        values = parameters[name].detach().double()
        if 'constant' in expected:
            assert torch.all(values == expected['constant']), name
            continue
        # both are samples: five standard errors of the difference of two standard deviations
        error = math.sqrt(max(expected['kurtosis'] - 1, 0.5) / 4 / values.numel()) * math.sqrt(2)
        assert values.std().item() == pytest.approx(expected['std'], rel=5 * error), name
        if values.numel() > 10_000:
            kurtosis = (values - values.mean()).pow(4).mean() / values.var() ** 2
            assert kurtosis.item() == pytest.approx(expected['kurtosis'], abs=0.25), name


def test_a_segmentor_initialises_all_its_parts():
    segmentor = build(tiny_segmentor(auxiliary_head={**_fcn(), 'channels': 64}))
    segmentor.init_weights()
    for head in (segmentor.decode_head, segmentor.auxiliary_head):
        assert torch.all(head.conv_seg.bias == 0)
        assert head.conv_seg.weight.std().item() == pytest.approx(0.01, rel=0.4)
    assert torch.all(segmentor.backbone.patch_embed1.proj.bias == 0)


def _fcn():
    return {'type': 'FCNHead', 'in_channels': 40, 'in_index': 2, 'channels': 8, 'num_classes': 5}


def test_another_part_of_a_head_can_be_drawn():
    cfg = {'type': 'Normal', 'std': 0.5, 'override': {'name': 'convs'}}
    head = build({**_fcn(), 'init_cfg': cfg})
    head.init_weights()
    assert head.convs[0].conv.weight.std().item() == pytest.approx(0.5, rel=0.1)
    assert head.conv_seg.weight.abs().max() <= 1 / math.sqrt(8)


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        ({'type': 'Kaiming'}, "only type='Normal'"),
        ({'type': 'Normal', 'override': {'name': 'conv_sec'}}, r"'conv_sec'.*'conv_seg'"),
        ({'type': 'Normal', 'sdt': 1}, r"'sdt'.*'std'"),
    ],
)
def test_an_init_cfg_that_does_not_fit_is_named(cfg, message):
    with pytest.raises(InputError, match=message):
        init_from_cfg(build(_fcn()), cfg)

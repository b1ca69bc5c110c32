"""The heads that work on one map, and UPerNet's: names, values and losses."""

import ast

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.layers.pyramid_pooling import PyramidPooling
from mmseg.registry import MODELS
from tests.models.networks import build, build_on_meta
from tests.parity import fill_module, golden, manifest, shapes

MANIFESTS = [
    'head_danet_nodbn_r50-d8',
    'head_danet_r50-d8',
    'head_deeplabv2_r50-d8',
    'head_deeplabv2red_r50-d8',
    'head_dlv3p_nodbn_r50-d8',
    'head_dlv3p_r50-d8',
    'head_isanet_nodbn_r50-d8',
    'head_isanet_r50-d8',
    'head_sfa_dlv3p_nodbn_mitb5',
    'head_upernet_ch256_mit',
    'head_upernet_convnext_base',
    'head_upernet_mit',
    'head_upernet_swin_base',
    'head_upernet_vit_base',
]
CASES = [
    'aspp',
    'danet',
    'danet_nodbn',
    'dlv2',
    'dlv2red',
    'dlv3p',
    'dlv3p_nodbn',
    'isa',
    'isa_nodbn_pad',
    'psp',
    'uper',
]
SMALL = {'num_classes': 5, 'channels': 8, 'norm_cfg': {'type': 'BN'}}
ONE_MAP = {**SMALL, 'in_channels': 12, 'in_index': 3}
HEADS = {
    'ASPPHead': ONE_MAP,
    'DepthwiseSeparableASPPHead': {**ONE_MAP, 'c1_in_channels': 6, 'c1_channels': 4},
    'DAHead': {**ONE_MAP, 'pam_channels': 4},
    'DLV2Head': {'num_classes': 5, 'in_channels': 12, 'in_index': 3},
    'ISAHead': {**ONE_MAP, 'isa_channels': 4},
    'PSPHead': ONE_MAP,
    'UPerHead': {**SMALL, 'in_channels': [6, 8, 10, 12], 'in_index': [0, 1, 2, 3]},
}


def features(size: int = 32) -> list[torch.Tensor]:
    return [torch.rand(2, 6 + 2 * i, size // 2**i, size // 2**i + 1) for i in range(4)]


@pytest.mark.parametrize('name', MANIFESTS)
def test_parameters_have_the_names_shapes_and_order_of_published_files(name):
    head = build_on_meta(ast.literal_eval(manifest('index')[name]['config']))
    assert list(shapes(head).items()) == list(manifest(name).items())


@torch.no_grad()
@pytest.mark.parametrize('case', [*CASES, 'sfa_dlv3p_nodbn'])
def test_logits_equal_the_reference(case):
    reference = golden(f'head_{case}')
    head = fill_module(build(reference.config['decode_head'])).eval()
    given = list(reference.inputs().values())
    if 'neck' in reference.config:
        given = build(reference.config['neck'])(given)
    logits = head(given)
    if 'logits' in reference.meta.get('slices', {}):
        logits = logits[:, :, ::2, ::2]
    torch.testing.assert_close(logits, reference.tensor('logits'), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(
    'case',
    [
        'head_deeplabv2red_r50-d8',
        'head_deeplabv3plus_r50-d8',
        'head_danet_r50-d8',
        'head_isanet_r50-d8',
        'head_upernet_mit',
    ],
)
def test_initial_weights_are_distributed_as_in_the_reference(case):
    from tests.models.backbones.checks import assert_reference_start

    assert_reference_start(case)


@pytest.mark.parametrize('kind', HEADS)
def test_a_weight_per_pixel_reaches_every_loss(kind):
    torch.manual_seed(0)
    head = build({'type': kind, **HEADS[kind]}).eval()
    given, label = features(), torch.randint(5, (2, 1, 32, 33))
    logits = head.logits_of(head.embed(given)) if kind == 'DAHead' else head(given)
    whole, half, none = (head.losses(logits, label, torch.full((2, 32, 33), w)) for w in (1.0, 0.5, 0.0))
    plain = head.losses(logits, label)
    names = [name for name in plain if 'loss' in name]
    assert names
    for name in names:
        torch.testing.assert_close(whole[name], plain[name])
        torch.testing.assert_close(half[name], 0.5 * plain[name])
        assert none[name] == 0


@pytest.mark.parametrize('kind', HEADS)
def test_every_parameter_is_trained(kind):
    head = build({'type': kind, **HEADS[kind]})
    for name, parameter in head.named_parameters():
        if name.endswith('gamma.scale'):  # at its start of 0 it hides what it scales
            torch.nn.init.ones_(parameter)
    given, label = features(), torch.randint(5, (2, 1, 32, 33))
    logits = head.logits_of(head.embed(given)) if kind == 'DAHead' else head(given)
    losses = head.losses(logits, label)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


@torch.no_grad()
@pytest.mark.parametrize('kind', HEADS)
def test_logits_have_the_size_of_the_finest_map_read(kind):
    given = features()
    finest = 0 if kind in ('UPerHead', 'DepthwiseSeparableASPPHead') else 3
    assert build({'type': kind, **HEADS[kind]}).eval()(given).shape == (2, 5, *given[finest].shape[2:])


@torch.no_grad()
def test_pooling_takes_the_mean_of_each_cell():
    pooling = PyramidPooling(
        pool_scales=(1, 2), in_channels=1, channels=1, norm_cfg=None, act_cfg=None, align_corners=True
    )
    for branch in pooling:
        torch.nn.init.ones_(branch[1].conv.weight)
    x = torch.tensor([[[[1.0, 1, 2, 2], [1, 1, 2, 2], [3, 3, 6, 6], [3, 3, 6, 6]]]])
    whole, quarters = pooling(x)
    assert torch.all(whole == 3)
    assert quarters[0, 0, [0, 0, 3, 3], [0, 3, 0, 3]].tolist() == [1, 2, 3, 6]


@torch.no_grad()
def test_the_details_of_the_first_stage_can_be_left_out():
    cfg = {'type': 'DepthwiseSeparableASPPHead', **HEADS['DepthwiseSeparableASPPHead'], 'c1_in_channels': 0}
    head = build(cfg).eval()
    assert head(features())[0].shape == (5, 4, 5)


def test_deeplab_v2_has_nothing_but_its_classifiers():
    head = build({'type': 'DLV2Head', **HEADS['DLV2Head'], 'dilations': (6, 12)})
    assert {name.split('.')[0] for name in head.state_dict()} == {'aspp_modules'}
    with pytest.raises(InputError, match="no argument 'norm_cfg'"):
        MODELS.build({'type': 'DLV2Head', **HEADS['DLV2Head'], 'norm_cfg': None})

import re

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.backbones.convnext_keys import to_convnext
from tests.models.backbones.checks import (
    assert_published_names,
    assert_recomputing_changes_nothing,
    assert_reference_drop_path,
    assert_reference_features,
    assert_reference_start,
    pinned_config,
)
from tests.models.networks import build, build_on_meta
from tests.parity import shapes

TINY = {'type': 'ConvNeXt', 'depths': (1, 1, 2, 1), 'dims': (8, 16, 24, 32), 'layer_scale_init_value': 1.0}
SIZES = ['tiny', 'small', 'base', 'large', 'xlarge']


@pytest.mark.parametrize('size', SIZES)
def test_parameters_have_the_names_shapes_and_order_of_published_files(size):
    assert_published_names(f'convnext_{size}')


@pytest.mark.parametrize('size', SIZES)
def test_a_size_has_a_name(size):
    named = build_on_meta({'type': 'ConvNeXt', 'arch': size})
    assert shapes(named) == shapes(build_on_meta(pinned_config(f'convnext_{size}')))


def test_an_unknown_size_is_named():
    with pytest.raises(InputError, match=r"'bass'.*'base'"):
        build({'type': 'ConvNeXt', 'arch': 'bass'})


@pytest.mark.parametrize('case', ['bb_convnext_tiny', 'bb_convnext_tiny_odd'])
def test_features_equal_the_reference(case):
    assert_reference_features(case, strides={0: 2})


def test_initial_weights_are_distributed_as_in_the_reference():
    assert_reference_start('bb_ConvNeXt_tiny')


def test_drop_path_grows_over_the_blocks_as_in_the_reference():
    assert_reference_drop_path('bb_ConvNeXt_tiny')


@pytest.mark.parametrize('scale', [0.0, 0.5])
def test_the_branches_are_scaled_if_configured(scale):
    backbone = build({**TINY, 'layer_scale_init_value': scale})
    gammas = [value for name, value in backbone.state_dict().items() if name.endswith('gamma')]
    assert len(gammas) == (5 if scale else 0)
    assert all(torch.all(gamma == scale) for gamma in gammas)


def random_network() -> torch.nn.Module:
    network = build(TINY)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def test_the_names_of_openmmlab_are_understood(tmp_path):
    ours = random_network()
    theirs = {}
    for name, value in ours.state_dict().items():
        renamed = name.replace('dwconv', 'depthwise_conv')
        theirs['backbone.' + re.sub(r'pwconv', 'pointwise_conv', renamed)] = value
    theirs = {key: value for key, value in theirs.items() if not re.search(r'norm[012]\.', key)}
    torch.save({'state_dict': {**theirs, 'head.fc.weight': torch.zeros(3, 32)}}, tmp_path / 'mmcls.pth')
    loaded = build({**TINY, 'pretrained': str(tmp_path / 'mmcls.pth')})
    loaded.init_weights()
    for name, value in ours.state_dict().items():
        if not name.startswith(('norm0', 'norm1', 'norm2')):
            assert torch.equal(loaded.state_dict()[name], value), name


def test_the_norm_of_the_authors_classifier_is_that_of_the_last_stage():
    state = {'norm.weight': torch.ones(2), 'stages.0.0.norm.weight': torch.zeros(2), 'head.bias': torch.zeros(2)}
    assert set(to_convnext(state)) == {'norm3.weight', 'stages.0.0.norm.weight', 'head.bias'}


@torch.no_grad()
def test_a_file_of_timm_gives_the_features_of_timm(tmp_path):
    import timm

    torch.manual_seed(1)
    theirs = timm.create_model(
        'convnext_tiny', depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), num_classes=5, conv_mlp=True
    ).eval()
    for parameter in theirs.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.3)
    torch.save(theirs.state_dict(), tmp_path / 'convnext.pth')
    ours = build({**TINY, 'pretrained': str(tmp_path / 'convnext.pth')}).eval()
    ours.init_weights()
    img = torch.rand(2, 3, 64, 96)
    torch.testing.assert_close(ours(img)[3], theirs.head.norm(theirs.forward_features(img)), atol=1e-4, rtol=1e-4)


def test_recomputing_activations_changes_no_gradient():
    assert_recomputing_changes_nothing({**TINY, 'drop_path_rate': 0.5}, torch.rand(2, 3, 64, 96))

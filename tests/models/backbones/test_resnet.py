import pytest
import torch
import torchvision
from torch import nn

from mmseg.errors import InputError
from mmseg.models.backbones.resnet import stage_dilations
from mmseg.models.backbones.resnext import group_width
from tests.models.backbones.checks import (
    assert_published_names,
    assert_recomputing_changes_nothing,
    assert_reference_features,
    assert_reference_start,
)
from tests.models.networks import build

D8 = {'strides': (1, 2, 1, 1), 'dilations': (1, 1, 2, 4), 'contract_dilation': True}
TINY = {'type': 'ResNet', 'depth': 18, 'stem_channels': 8, 'base_channels': 8}


@pytest.mark.parametrize(
    'name',
    ['resnet50_v1c', 'resnet101_v1c', 'resnext50_32x4d', 'resnext101_32x4d', 'resnest50', 'resnest101', 'resnest200'],
)
def test_parameters_have_the_names_shapes_and_order_of_published_files(name):
    assert_published_names(name)


@pytest.mark.parametrize('case', ['bb_resnet50_v1c_d8', 'bb_resnext50_32x4d_d8', 'bb_resnest50_d8'])
def test_features_equal_the_reference(case):
    assert_reference_features(case, strides={0: 4, 1: 2, 2: 4, 3: 8})


def test_initial_weights_are_distributed_as_in_the_reference():
    assert_reference_start('bb_ResNetV1c')


@torch.no_grad()
def test_the_original_resnet_is_that_of_torchvision():
    torch.manual_seed(0)
    theirs = torchvision.models.resnet50(weights=None).eval()
    ours = build({'type': 'ResNet', 'depth': 50}).eval()
    state = {key: value for key, value in theirs.state_dict().items() if not key.startswith('fc.')}
    ours.load_state_dict(state, strict=True)
    x = torch.rand(1, 3, 70, 61)
    features = ours(x)
    x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(x))))
    for feature, stage in zip(features, (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4), strict=True):
        x = stage(x)
        torch.testing.assert_close(feature, x, atol=1e-5, rtol=1e-5)


def test_a_file_with_a_classifier_loads(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(weights=None)
    torch.save(theirs.state_dict(), tmp_path / 'resnet18.pth')
    ours = build({'type': 'ResNet', 'depth': 18, 'pretrained': str(tmp_path / 'resnet18.pth')})
    ours.init_weights()
    assert torch.equal(ours.layer4[1].conv2.weight, theirs.layer4[1].conv2.weight)


@torch.no_grad()
@pytest.mark.parametrize('kind', ['ResNetV1c', 'ResNetV1d', 'ResNeSt'])
@pytest.mark.parametrize(('settings', 'strides'), [({}, (4, 8, 16, 32)), (D8, (4, 8, 8, 8))])
def test_dilation_takes_the_place_of_strides(kind, settings, strides):
    backbone = build({'type': kind, 'depth': 50, 'stem_channels': 8, 'base_channels': 8, **settings}).eval()
    for feature, stride in zip(backbone(torch.rand(1, 3, 61, 90)), strides, strict=True):
        assert feature.shape[2:] == (-(-61 // stride), -(-90 // stride))


@pytest.mark.parametrize(
    ('dilation', 'contract', 'expected'), [(1, True, [1, 1, 1]), (4, False, [4, 4, 4]), (4, True, [2, 4, 4])]
)
def test_contracting_halves_the_dilation_of_the_first_block(dilation, contract, expected):
    assert stage_dilations(dilation, 3, contract=contract) == expected


def test_multi_grid_sets_the_dilations_of_the_last_stage():
    backbone = build({'type': 'ResNetV1c', 'depth': 50, **D8, 'multi_grid': (1, 2, 6), 'base_channels': 8})
    dilations = [[block.conv2.dilation[0] for block in getattr(backbone, f'layer{i}')] for i in (3, 4)]
    assert dilations == [[1, 2, 2, 2, 2, 2], [1, 2, 6]]


def test_the_stride_of_a_bottleneck_is_where_its_style_has_it():
    strides = {}
    for style in ('pytorch', 'caffe'):
        from mmseg.registry import MODELS

        block = MODELS.build({'type': 'ResNet', 'depth': 50, 'style': style}).layer2[0]
        strides[style] = (block.conv1.stride[0], block.conv2.stride[0])
    assert strides == {'pytorch': (1, 2), 'caffe': (2, 1)}


@pytest.mark.parametrize(('channels', 'expected'), [(64, 128), (512, 1024)])
def test_32_groups_of_4_channels_double_the_width(channels, expected):
    assert group_width(channels, groups=32, base_width=4, base_channels=64) == expected


def test_batch_norms_can_keep_their_statistics_in_training():
    backbone = build({**TINY, 'norm_eval': True})
    assert backbone.train() is backbone
    assert backbone.training
    backbone(torch.rand(2, 3, 32, 32))
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert not module.training
            assert torch.all(module.running_mean == 0)


def test_frozen_stages_get_no_gradient():
    backbone = build({**TINY, 'frozen_stages': 2}).train()
    backbone(torch.rand(2, 3, 32, 32))[3].sum().backward()
    trained = {name.split('.')[0] for name, parameter in backbone.named_parameters() if parameter.grad is not None}
    assert trained == {'layer3', 'layer4'}
    assert not backbone.bn1.training
    assert torch.all(backbone.layer2[0].bn1.running_mean == 0)


def test_every_block_starts_as_the_identity():
    backbone = build(TINY)
    backbone.init_weights()
    x = torch.rand(1, 8, 8, 8)
    torch.testing.assert_close(backbone.layer1[1].eval()(x), x)


@pytest.mark.parametrize('cfg', [TINY, {'type': 'ResNeSt', 'depth': 50, 'stem_channels': 8, 'base_channels': 8}])
def test_recomputing_activations_changes_no_gradient(cfg):
    assert_recomputing_changes_nothing({**cfg, 'norm_eval': True}, torch.rand(2, 3, 64, 64))


@torch.no_grad()
def test_split_attention_adds_up_to_one():
    from mmseg.models.backbones.resnest import SplitAttention

    layer = SplitAttention(
        channels=12, groups=2, stride=1, dilation=1, radix=3, reduction_factor=4, norm_cfg={'type': 'BN'}
    ).eval()
    weights = layer.weights(torch.randn(2, 36, 1, 1))
    assert weights.shape == (2, 3, 12, 1, 1)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2, 12, 1, 1))
    # groups come first in the scores: the three splits of the second group's first channel are 18, 24 and 30
    scores = torch.zeros(1, 36, 1, 1)
    scores[0, 24] = 100.0
    assert layer.weights(scores)[0, 1, 6, 0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'depth': 51}, '18, 34, 50, 101, 152'),
        ({'strides': (1, 2)}, 'one stride and one dilation'),
        ({'num_stages': 3, 'strides': (1, 2, 2), 'dilations': (1, 1, 1)}, 'out_indices'),
        ({'dilatoins': (1, 1, 1, 1)}, "'dilatoins'.*'dilations'"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        build({'type': 'ResNetV1c', 'depth': 50, **settings})

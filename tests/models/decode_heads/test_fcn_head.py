import pytest
import torch

from mmseg.errors import InputError
from tests.models.networks import build

FCN = {'type': 'FCNHead', 'in_channels': 8, 'channels': 4, 'num_classes': 3, 'in_index': 1}
FEATURES = [torch.rand(2, 6, 16, 16), torch.rand(2, 8, 8, 10)]


@torch.no_grad()
def test_logits_have_the_size_of_the_stage_that_is_read():
    assert build(FCN).eval()(FEATURES).shape == (2, 3, 8, 10)


@torch.no_grad()
def test_several_stages_can_be_resized_to_the_first_and_concatenated():
    head = build({**FCN, 'in_channels': [6, 8], 'in_index': [0, 1], 'input_transform': 'resize_concat'}).eval()
    assert head.convs[0].conv.in_channels == 14
    assert head(FEATURES).shape == (2, 3, 16, 16)


@torch.no_grad()
def test_without_norm_convolutions_have_a_bias():
    names = set(build({**FCN, 'num_convs': 1, 'concat_input': False}).state_dict())
    assert names == {'conv_seg.weight', 'conv_seg.bias', 'convs.0.conv.weight', 'convs.0.conv.bias'}


@torch.no_grad()
def test_without_convolutions_the_input_is_classified():
    head = build({**FCN, 'channels': 8, 'num_convs': 0, 'concat_input': False}).eval()
    torch.testing.assert_close(head(FEATURES), head.conv_seg(FEATURES[1]))


@pytest.mark.parametrize(
    ('overrides', 'message'),
    [
        ({'num_convs': 0}, 'channels'),
        ({'in_channels': [6, 8]}, 'single numbers'),
        ({'in_channels': [6, 8], 'in_index': [0], 'input_transform': 'resize_concat'}, 'same length'),
        ({'in_channels': [8], 'in_index': [1], 'input_transform': 'multiple_select'}, 'input_transform'),
        ({'input_transform': 'concat'}, 'resize_concat'),
        ({'conv_cfg': {'type': 'DCN'}}, 'conv_cfg must be None'),
        ({'sampler': {'type': 'OHEMSampler'}}, "'OHEMPixelSampler'"),
        ({'norm_cfg': {'type': 'BM'}}, r"'BM' is not a known normalisation.*'BN'"),
        ({'act_cfg': {'type': 'Relu'}}, r"'Relu' is not a known activation.*'ReLU'"),
        ({'num_conv': 1}, r"'num_conv'.*'num_convs'"),
    ],
)
def test_settings_that_do_not_fit_are_named(overrides, message):
    with pytest.raises(InputError, match=message):
        build({**FCN, **overrides})

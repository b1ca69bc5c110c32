import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.segmentors.features import Compared
from mmseg.models.uda.feature_distance import FeatureDistance, downscale_label, masked_distance
from tests.parity import golden, make_input

LABELS = golden('uda_downscale_label')
DISTANCE = golden('uda_feat_dist')
FEATURES = [make_input(f'uda_feat_dist.shared.{name}', (2, 256, 4, 6)) for name in ('f1', 'f2')]


@pytest.mark.parametrize('scale', [16, 32])
@pytest.mark.parametrize('ratio', [0.75, 0.5])
def test_downscaled_labels_and_thing_masks_are_the_reference_s(scale, ratio):
    label, size = LABELS.tensor('in.label').long(), (128 // scale, 192 // scale)
    case = f'scale_{scale}.min_ratio_{ratio}'
    small = downscale_label(label, size, min_ratio=ratio, num_classes=19)
    assert torch.equal(small, LABELS.tensor(f'out.{case}').long())
    things = FeatureDistance(
        weight=1, classes=LABELS.config['thing_classes'], scale_min_ratio=ratio, num_classes=19
    ).thing_mask(label, size)
    assert torch.equal(things, LABELS.tensor(f'thing_mask.{case}').bool())


@pytest.mark.parametrize('case', ['nomask', 'mask'])
def test_the_distance_and_its_gradient_are_the_reference_s(case):
    feature = FEATURES[0].clone().requires_grad_()
    mask = DISTANCE.tensor('in.mask').bool() if case == 'mask' else None
    distance = masked_distance(feature, FEATURES[1], mask)
    torch.testing.assert_close(distance, DISTANCE.tensor(case), rtol=1e-5, atol=1e-6)
    distance.backward()
    assert feature.grad.norm().item() == pytest.approx(DISTANCE.arrays[f'{case}.grad_l2'].item(), rel=1e-5)


def test_an_empty_mask_gives_exactly_zero_and_no_gradient():
    feature = FEATURES[0].clone().requires_grad_()
    distance = masked_distance(feature, FEATURES[1], torch.zeros(2, 1, 4, 6, dtype=torch.bool))
    distance.backward()
    assert distance.item() == 0
    assert not feature.grad.any()


def test_equal_features_give_exactly_zero_and_no_gradient():
    feature = FEATURES[0].clone().requires_grad_()
    distance = masked_distance(feature, FEATURES[0], torch.ones(2, 1, 4, 6, dtype=torch.bool))
    distance.backward()
    assert distance.item() == 0
    assert not feature.grad.any()


def test_the_distance_is_the_mean_over_the_masked_positions():
    feature = torch.tensor([[3.0, 1.0], [4.0, 1.0]]).view(1, 2, 1, 2)  # two channels, two positions
    mask = torch.tensor([True, False]).view(1, 1, 1, 2)
    assert masked_distance(feature, torch.zeros_like(feature), mask).item() == pytest.approx(5.0)
    assert masked_distance(feature, torch.zeros_like(feature)).item() == pytest.approx((5 + 2**0.5) / 2)


def test_half_precision_features_do_not_overflow():
    feature = torch.full((1, 4, 1, 1), 300.0, dtype=torch.float16)  # the square of 300 does not fit
    assert masked_distance(feature, torch.zeros_like(feature)).item() == pytest.approx(600.0)


def test_a_position_below_the_ratio_is_ignored_and_ignored_pixels_count_as_a_class():
    label = torch.tensor([[1, 1, 2, 255], [1, 3, 255, 255]]).view(1, 1, 2, 4)
    settings = {'size': (1, 2), 'num_classes': 4}
    assert downscale_label(label, min_ratio=0.75, **settings).flatten().tolist() == [1, 255]
    assert downscale_label(label, min_ratio=0.8, **settings).flatten().tolist() == [255, 255]
    assert downscale_label(label, min_ratio=0.0, **settings).flatten().tolist() == [1, 255]


def test_downscaling_agrees_with_pooling_the_one_hot_label():
    label = torch.randint(0, 4, (3, 1, 24, 40))
    share = F.avg_pool2d(F.one_hot(label.squeeze(1), 4).permute(0, 3, 1, 2).float(), 8)
    expected = torch.where(share.amax(1) >= 0.3, share.argmax(1), 255)
    assert torch.equal(downscale_label(label, (3, 5), min_ratio=0.3, num_classes=4).squeeze(1), expected)


def test_sizes_that_do_not_divide_leave_no_pixel_out():
    label = torch.tensor([0, 0, 0, 1, 1]).view(1, 1, 1, 5)  # columns 0..2 belong to position 0, 3..4 to position 1
    assert downscale_label(label, (1, 2), min_ratio=1.0, num_classes=2).flatten().tolist() == [0, 1]


def test_the_loss_is_weighted_and_without_classes_counts_every_position():
    distance = FeatureDistance(weight=0.5, classes=None, scale_min_ratio=None, num_classes=3)
    pair = Compared(torch.full((1, 4, 2, 2), 3.0), torch.zeros(1, 4, 2, 2), torch.zeros(1, 1, 4, 4).long())
    loss, mask = distance([pair])
    assert mask is None
    assert loss.item() == pytest.approx(0.5 * 6)


def test_several_pairs_of_maps_add_up_each_with_its_own_label():
    distance = FeatureDistance(weight=0.5, classes=[1], scale_min_ratio=0.5, num_classes=3)
    things, none = torch.ones(1, 1, 4, 4).long(), torch.zeros(1, 1, 8, 8).long()
    pairs = [
        Compared(torch.full((1, 4, 2, 2), 3.0), torch.zeros(1, 4, 2, 2), things),
        Compared(torch.full((1, 9, 4, 4), 2.0), torch.zeros(1, 9, 4, 4), none),  # no thing: exactly 0
        Compared(torch.full((1, 9, 1, 1), 2.0), torch.zeros(1, 9, 1, 1), things),
    ]
    loss, mask = distance(pairs)
    assert loss.item() == pytest.approx(0.5 * (6 + 0 + 6))
    assert mask.shape == (1, 1, 2, 2)


def test_it_leaves_nothing_in_a_checkpoint():
    module = nn.ModuleDict({'fd': FeatureDistance(weight=1, classes=[1], scale_min_ratio=0.5, num_classes=3)})
    assert not module.state_dict()


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'classes': [2, 3]}, 'imnet_feature_dist_classes'),
        ({'classes': [-1]}, 'imnet_feature_dist_classes'),
        ({'classes': []}, 'imnet_feature_dist_classes'),
        ({'scale_min_ratio': None}, 'the paper has 0.75'),
        ({'scale_min_ratio': 1.5}, 'imnet_feature_dist_scale_min_ratio'),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    good = {'weight': 1, 'classes': [2], 'scale_min_ratio': 0.75, 'num_classes': 3}
    with pytest.raises(InputError, match=message):
        FeatureDistance(**good | settings)

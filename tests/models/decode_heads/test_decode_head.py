import math

import pytest
import torch
from torch import nn

from mmseg.errors import InputError
from mmseg.models.segmentors.parse_losses import parse_losses
from tests.models.networks import build

#: classifies its two input channels as they are
HEAD = {
    'type': 'FCNHead',
    'in_channels': 2,
    'channels': 2,
    'num_classes': 2,
    'num_convs': 0,
    'concat_input': False,
    'dropout_ratio': 0.0,
}
EVEN = math.log(2.0)  # cross entropy of two equal logits


def test_logits_are_compared_with_labels_at_the_size_of_the_labels():
    logits = torch.zeros(1, 2, 2, 2)
    label = torch.tensor([[0, 0, 1, 1]] * 4).unsqueeze(0)
    values = build(HEAD).losses(logits, label)
    assert values['loss_seg'].item() == pytest.approx(EVEN)
    assert values['acc_seg'].item() == 50.0  # the first of equal logits wins


def test_labels_may_have_a_channel():
    logits, label = torch.randn(2, 2, 4, 4), torch.randint(2, (2, 1, 4, 4))
    head = build(HEAD)
    assert head.losses(logits, label) == head.losses(logits, label[:, 0])


def test_ignored_and_weightless_pixels_count_in_the_mean():
    logits = torch.zeros(1, 2, 1, 4)
    label = torch.tensor([[[0, 255, 1, 1]]])
    weight = torch.tensor([[[1.0, 1.0, 0.0, 0.5]]])
    values = build(HEAD).losses(logits, label, weight)
    assert values['loss_seg'].item() == pytest.approx(EVEN * (1 + 0 + 0 + 0.5) / 4)
    assert values['acc_seg'].item() == 25.0


def test_a_head_has_its_own_ignore_index():
    values = build({**HEAD, 'ignore_index': 1}).losses(torch.zeros(1, 2, 1, 4), torch.tensor([[[0, 1, 1, 1]]]))
    assert values['loss_seg'].item() == pytest.approx(EVEN / 4)


def test_several_losses_are_logged_by_name_or_added_up():
    ce = {'type': 'CrossEntropyLoss'}
    head = build({**HEAD, 'loss_decode': [ce, {**ce, 'loss_weight': 0.5}, {**ce, 'loss_name': 'loss_other'}]})
    values = head.losses(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long))
    assert values['loss_seg'].item() == pytest.approx(1.5 * EVEN)
    assert values['loss_other'].item() == pytest.approx(EVEN)


@pytest.mark.parametrize(
    ('losses', 'told'),
    [
        ([], 'loss_decode is an empty list'),
        ({'type': 'CrossEntropyLoss', 'loss_name': 'ce'}, r"no 'loss' in it.*call it 'loss_ce'"),
        ([{'type': 'CrossEntropyLoss'}, {'type': 'DiceLoss', 'loss_name': 'dice'}], r"DiceLoss has no 'loss' in it"),
        ({'type': 'LovaszLoss', 'classes': [0, 7]}, r'classes=\[0, 7\] of LovaszLoss .* ids in 0\.\.1'),
        ({'type': 'LovaszLoss', 'classes': [-1]}, r'classes=\[-1\]'),
        ({'type': 'LovaszLoss', 'classes': []}, r'classes=\[\]'),
        ({'type': 'FocalLoss', 'class_weight': [1.0]}, 'class_weight of FocalLoss has 1 numbers for 2 classes'),
    ],
)
def test_losses_that_could_not_be_descended_are_refused_when_the_head_is_built(losses, told):
    with pytest.raises(InputError, match=f'FCNHead: .*{told}'):
        build({**HEAD, 'loss_decode': losses})


def test_weights_of_0_for_every_class_are_refused():
    with pytest.raises(InputError, match='CrossEntropyLoss: class_weight is 0 for every class'):
        build({**HEAD, 'loss_decode': {'type': 'CrossEntropyLoss', 'class_weight': [0, 0.0]}})


def test_values_without_a_loss_among_them_are_named():
    assert parse_losses({'loss_seg': torch.tensor(2.0), 'acc_seg': torch.tensor(9.0)})[0] == 2
    with pytest.raises(InputError, match=r"None of \['acc_seg', 'ce'\] has 'loss' in its name"):
        parse_losses({'acc_seg': torch.tensor(9.0), 'ce': torch.tensor(1.0)})


def test_losses_are_no_part_of_the_checkpoint():
    names = set(build({**HEAD, 'loss_decode': {'type': 'CrossEntropyLoss', 'class_weight': [1, 2]}}).state_dict())
    assert names == {'conv_seg.weight', 'conv_seg.bias'}


def test_dropout_drops_whole_channels():
    head = build({**HEAD, 'dropout_ratio': 0.5}).train()
    assert isinstance(head.dropout, nn.Dropout2d)
    dropped = head.dropout(torch.ones(8, 2, 3, 3)).flatten(2)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped.amin(2), dropped.amax(2))


@pytest.mark.parametrize(
    ('changes', 'channels', 'told'),
    [
        ({}, [3], r'in_channels is 2.*\[3\]'),
        ({'in_index': 4}, [2, 2], 'in_index=4.*2 stages'),
        ({'in_index': [0, 1], 'in_channels': [1, 1], 'input_transform': 'resize_concat'}, [1, 2], 'in_channels is 2'),
    ],
)
def test_features_that_do_not_fit_the_settings_are_named(changes, channels, told):
    features = [torch.zeros(1, number, 4, 4) for number in channels]
    with pytest.raises(InputError, match=told):
        build(HEAD | changes)(features)

import json

import pytest
import torch

from mmseg.models.decode_heads.da_head import ChannelAttention, PositionAttention
from tests.models.networks import build
from tests.parity import fill_module, golden

SMALL = {
    'type': 'DAHead',
    'in_channels': 6,
    'in_index': 0,
    'channels': 8,
    'pam_channels': 4,
    'num_classes': 5,
    'norm_cfg': {'type': 'BN'},
}


@pytest.mark.parametrize('weighted', [False, True])
def test_three_losses_and_their_gradients_are_those_of_the_reference(weighted):
    reference = golden('seg_train_danet')
    segmentor = fill_module(build(reference.config)).train()
    head = segmentor.decode_head
    img, label = reference.inputs()['img'], reference.tensor('labels').long()
    weight = reference.tensor('seg_weight') if weighted else None
    losses = head.losses(head.logits_of(head.embed(segmentor.extract_feat(img))), label, weight)
    kind = 'weighted' if weighted else 'plain'
    expected = json.loads(str(reference.arrays[f'{kind}.log_vars']))
    total = sum(value for name, value in losses.items() if 'loss' in name)
    assert total.item() == pytest.approx(expected.pop('loss'), rel=1e-5)
    assert {f'decode.{name}' for name in losses} == expected.keys()
    for name, value in losses.items():
        tolerance = {'rel': 1e-5} if 'loss' in name else {'abs': 0.02}
        assert value.item() == pytest.approx(expected[f'decode.{name}'], **tolerance), name

    total.backward()
    parameters = dict(segmentor.named_parameters())
    names = json.loads(str(reference.arrays[f'{kind}.grad_names']))
    for name, norm in zip(names, reference.arrays[f'{kind}.grad_l2'], strict=True):
        if norm > 1e-6:
            assert parameters[name].grad.norm().item() == pytest.approx(norm, rel=3e-3), name


def test_it_predicts_with_the_first_of_its_three_logits():
    head = build(SMALL).eval()
    features = [torch.rand(2, 6, 5, 7)]
    three = head.logits_of(head.embed(features))
    assert torch.equal(head(features), three.pam_cam)
    assert [logits.shape for logits in three] == [(2, 5, 5, 7)] * 3


def test_the_prediction_alone_cannot_be_descended():
    head = build(SMALL).eval()
    with pytest.raises(TypeError, match='logits_of'):
        head.losses(head([torch.rand(2, 6, 5, 7)]), torch.zeros(2, 1, 5, 7, dtype=torch.long))


@torch.no_grad()
def test_attention_between_positions_by_its_formula():
    layer = PositionAttention(in_channels=3, channels=2)
    layer.gamma.scale.fill_(0.7)
    x = torch.randn(2, 3, 2, 4)
    query, key, value = (
        project(x).flatten(2) for project in (layer.query_project, layer.key_project, layer.value_project)
    )
    attention = torch.softmax(torch.einsum('bci,bcj->bij', query, key), dim=2)
    expected = 0.7 * torch.einsum('bij,bcj->bci', attention, value).view_as(x) + x
    torch.testing.assert_close(layer(x), expected)


@torch.no_grad()
def test_attention_between_channels_by_its_formula():
    layer = ChannelAttention()
    layer.gamma.scale.fill_(0.7)
    x = torch.randn(2, 3, 2, 4)
    similarity = torch.einsum('bip,bjp->bij', x.flatten(2), x.flatten(2))
    attention = torch.softmax(similarity.amax(dim=2, keepdim=True) - similarity, dim=2)
    expected = 0.7 * torch.einsum('bij,bjp->bip', attention, x.flatten(2)).view_as(x) + x
    torch.testing.assert_close(layer(x), expected)

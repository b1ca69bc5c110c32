"""Losses, gradients and the supervised step of a segmentor."""

import contextlib
import json

import pytest
import torch

from mmseg.errors import InputError
from tests.models.networks import build, daformer_head, tiny_backbone, tiny_segmentor
from tests.parity import fill_module, golden

AUX = {'type': 'FCNHead', 'in_channels': 40, 'in_index': 2, 'channels': 8, 'num_classes': 5, 'dropout_ratio': 0.0}


def trained(case, weighted):
    """Logged values, gradient norms and network after one pass of a reference case."""
    reference = golden(case)
    segmentor = fill_module(build(reference.config)).train()
    (img,) = reference.inputs().values()
    weight = reference.tensor('seg_weight') if weighted else None
    loss, values = segmentor.parse_losses(segmentor.forward_train(img, reference.tensor('labels').long(), weight))
    loss.backward()
    return reference, {**values, 'loss': loss.detach()}, segmentor


def assert_logs_equal(values, expected):
    for name, value in expected.items():
        tolerance = {'abs': 0.02} if name.endswith('acc_seg') else {'rel': 1e-5}
        assert values[name].item() == pytest.approx(value, **tolerance), name


@pytest.mark.parametrize(
    ('case', 'kind'),
    [
        ('seg_train_daformer', 'plain'),
        ('seg_train_daformer', 'weighted'),
        ('seg_train_daformer_aux', 'plain'),  # weighted, it differs on purpose: see the next test
        ('seg_train_daformer_auxlist', 'plain'),
        ('seg_train_daformer_auxlist', 'weighted'),
        ('seg_train_danet', 'plain'),  # three predictions of one head
        ('seg_train_danet', 'weighted'),
    ],
)
def test_losses_gradients_and_statistics_equal_the_reference(case, kind):
    reference, values, segmentor = trained(case, kind == 'weighted')
    expected = json.loads(str(reference.arrays[f'{kind}.log_vars']))
    assert values.keys() == expected.keys()
    assert_logs_equal(values, expected)

    parameters = {name: p.grad for name, p in segmentor.named_parameters() if p.grad is not None}
    assert list(parameters) == json.loads(str(reference.arrays[f'{kind}.grad_names']))
    for (name, gradient), norm in zip(parameters.items(), reference.arrays[f'{kind}.grad_l2'], strict=True):
        if norm > 1e-6:
            assert gradient.norm().item() == pytest.approx(norm, rel=3e-3), name
    buffers = dict(segmentor.named_buffers())
    stored = [key for key in reference.arrays if key.startswith(f'{kind}.buffer.')]
    assert len(stored) == 4
    for key in stored:
        name = key.removeprefix(f'{kind}.buffer.')
        torch.testing.assert_close(buffers[name], reference.tensor(key), rtol=1e-4, atol=1e-5)


def test_a_single_auxiliary_head_is_weighted_too_where_the_reference_forgets_it():
    reference, values, _ = trained('seg_train_daformer_aux', weighted=True)
    plain, weighted = (json.loads(str(reference.arrays[f'{kind}.log_vars'])) for kind in ('plain', 'weighted'))
    assert weighted['aux.loss_seg'] == plain['aux.loss_seg']  # the reference's oversight
    assert_logs_equal(values, {name: value for name, value in weighted.items() if name.startswith('decode.')})
    assert values['aux.loss_seg'] < 0.6 * weighted['aux.loss_seg']
    torch.testing.assert_close(values['loss'], values['decode.loss_seg'] + values['aux.loss_seg'])


def test_one_head_in_a_list_learns_as_it_does_alone():
    torch.manual_seed(0)
    alone = build(tiny_segmentor(auxiliary_head=AUX)).train()
    listed = build(tiny_segmentor(auxiliary_head=[AUX])).train()
    state = {key.replace('auxiliary_head.', 'auxiliary_head.0.'): value for key, value in alone.state_dict().items()}
    listed.load_state_dict(state)
    batch = torch.randn(2, 3, 64, 64), torch.randint(5, (2, 1, 64, 64)), torch.rand(2, 64, 64)
    assert torch.equal(alone.forward_train(*batch)['aux.loss_seg'], listed.forward_train(*batch)['aux_0.loss_seg'])


def test_losses_of_features_are_those_of_their_images():
    torch.manual_seed(0)
    segmentor = build(tiny_segmentor()).train()
    img, label = torch.randn(2, 3, 64, 64), torch.randint(5, (2, 1, 64, 64))
    separate = segmentor.losses(segmentor.extract_feat(img), label)
    together = segmentor.forward_train(img, label)
    assert separate.keys() == {'decode.loss_seg', 'decode.acc_seg'} == together.keys()
    torch.testing.assert_close(separate, together)


def test_only_losses_are_descended():
    losses = {'decode.loss_seg': torch.tensor(2.0), 'aux.loss_seg': torch.tensor([1.0, 3.0]), 'acc': torch.tensor(50.0)}
    total, values = build(tiny_segmentor()).parse_losses(losses)
    assert total.item() == 4.0
    assert {name: value.item() for name, value in values.items()} == {
        'decode.loss_seg': 2.0,
        'aux.loss_seg': 2.0,
        'acc': 50.0,
    }


class Descent:
    """What a training step needs of the engine's optimizer."""

    def __init__(self, parameters, lr):
        self.optimizer = torch.optim.SGD(parameters, lr=lr)

    def optim_context(self, model):
        return contextlib.nullcontext()

    def update_params(self, loss):
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def test_supervised_steps_lower_the_loss_and_log_detached_values():
    torch.manual_seed(0)
    segmentor = build(tiny_segmentor()).train()
    segmentor.init_weights()
    descent = Descent(segmentor.parameters(), lr=0.5)
    data = {'img': torch.randn(2, 3, 64, 64), 'gt_semantic_seg': torch.randint(5, (2, 1, 8, 8))}
    data['gt_semantic_seg'] = data['gt_semantic_seg'].repeat_interleave(8, 2).repeat_interleave(8, 3)
    logs = [segmentor.train_step(data, descent) for _ in range(6)]
    assert list(logs[0]) == ['loss', 'decode.loss_seg', 'decode.acc_seg']
    assert not any(value.requires_grad or value.ndim for value in logs[0].values())
    assert logs[-1]['loss'] < logs[0]['loss'] - 0.05


def test_pretrained_weights_are_named_once():
    with pytest.raises(InputError, match='keep one'):
        build(tiny_segmentor(pretrained='a.pth', backbone=tiny_backbone(pretrained='b.pth')))
    with pytest.raises(InputError, match='not both'):
        build(tiny_backbone(pretrained='a.pth', init_cfg={'type': 'Pretrained', 'checkpoint': 'a.pth'}))


def test_a_neck_stands_between_backbone_and_heads():
    segmentor = build(tiny_segmentor(neck={'type': 'SegFormerAdapter', 'scales': [8]})).eval()
    with torch.no_grad():
        features = segmentor.extract_feat(torch.randn(1, 3, 64, 64))
    assert [feature.shape[2] for feature in features] == [16, 8, 4, 16]


def test_a_head_of_other_classes_is_one_override_away():
    segmentor = build(tiny_segmentor(decode_head=daformer_head(num_classes=11))).eval()
    assert segmentor.num_classes == 11
    assert segmentor(torch.randn(1, 3, 32, 32)).shape == (1, 11, 32, 32)

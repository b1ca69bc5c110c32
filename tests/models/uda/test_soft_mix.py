import copy
import itertools

import pytest
import torch
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.layers import resize
from mmseg.models.uda.soft_mix import soft_losses, soft_paste
from tests.models.uda.plus import STILL_IMAGES, build, full_batch, gradient_of
from tests.models.uda.tiny import batch, dacs, segmentor, sgd, with_feature_distance


def test_a_soft_paste_lets_the_target_shine_through():
    mask = torch.tensor([[[[True, False]]]])
    mixed = soft_paste(mask, 0.9, source=torch.full((1, 1, 1, 2), 10.0), target=torch.full((1, 1, 1, 2), -20.0))
    torch.testing.assert_close(mixed, torch.tensor([[[[0.9 * 10 - 0.1 * 20, -20.0]]]]))


def test_labels_and_weights_stay_hard_where_the_image_is_soft():
    model, data = build(soft=0.8, **STILL_IMAGES), batch()
    model.train_step(data, sgd(model))
    step = model.last_step
    m = step.mix_mask
    assert 0 < m.float().mean() < 1
    torch.testing.assert_close(step.mixed_img, data['img'] * 0.8 * m + data['target_img'] * (1 - 0.8 * m.float()))
    assert torch.equal(step.mixed_label, torch.where(m, data['gt_semantic_seg'], step.pseudo_label))
    assert torch.equal(step.mixed_weight, torch.where(m, 1.0, step.pseudo_weight))


def test_the_soft_loss_is_two_cross_entropies_of_one_prediction():
    """Worked out pixel by pixel from the logits of the head, dropout fixed by the seed."""
    model = build(soft=0.7, model=segmentor(dropout_ratio=0.5), **STILL_IMAGES)
    made = model.make_batch(batch())
    torch.manual_seed(3)
    loss = model.mixed_losses(made)['decode.loss_seg']
    torch.manual_seed(3)
    logits = resize(model.model.decode_head(made.mixed.features), (32, 32))
    log_probability = logits.log_softmax(dim=1)
    upper = -log_probability.gather(1, made.mixed.label)
    lower = -log_probability.gather(1, made.pseudo.label)
    torch.testing.assert_close(loss, (made.mixed.weight * (0.7 * upper + 0.3 * lower)).mean())


def test_where_only_the_target_shows_the_soft_loss_is_the_plain_one():
    model = build(soft=0.6, **STILL_IMAGES)
    model.mix_mask = lambda label: torch.zeros_like(label, dtype=torch.bool)
    made = model.make_batch(batch())
    plain = model.segmentation_losses(made, made.mixed)['decode.loss_seg']
    torch.testing.assert_close(model.mixed_losses(made)['decode.loss_seg'], plain)


def test_auxiliary_heads_have_the_soft_loss_too():
    auxiliary = {
        'type': 'FCNHead', 'in_channels': 8, 'in_index': 0, 'channels': 8, 'num_convs': 1, 'num_classes': 6,
        'dropout_ratio': 0.0, 'norm_cfg': {'type': 'BN'}, 'loss_decode': {'type': 'CrossEntropyLoss'},
    }  # fmt: skip
    model = build(soft=0.75, model=segmentor() | {'auxiliary_head': auxiliary}, **STILL_IMAGES)
    made = model.make_batch(batch())
    loss = model.mixed_losses(made)['aux.loss_seg']
    logits = resize(model.model.auxiliary_head(made.mixed.features), (32, 32))
    both = [F.cross_entropy(logits, y.squeeze(1), reduction='none') for y in (made.mixed.label, made.pseudo.label)]
    torch.testing.assert_close(loss, (made.mixed.weight.squeeze(1) * (0.75 * both[0] + 0.25 * both[1])).mean())


def test_both_halves_of_the_soft_loss_move_the_student():
    """The half of the label below pulls where the paste hides it: its gradient is there, and not the other's."""
    model = build(soft=0.5, **STILL_IMAGES)
    model.mix_mask = lambda label: torch.ones_like(label, dtype=torch.bool)
    made = model.make_batch(batch())
    logits = model.student_logits(made, made.mixed)
    halves = [
        gradient_of(model, soft_losses(model.model, logits, made.mixed, below, 0.5)['decode.loss_seg'])
        for below in (made.pseudo.label, made.mixed.label)
    ]
    assert any((a - b).abs().max() > 1e-4 for a, b in zip(*halves, strict=True))


def test_nothing_moves_the_teacher_or_the_feature_distance_network():
    uda = {'soft': 0.9, 'soft_paste': True, 'mmd': {'weight': 1.0, 'queue': 4}}
    model = build(**uda, **with_feature_distance())
    still = copy.deepcopy(model.imnet_model.state_dict())
    model.train_step(full_batch(), sgd(model))
    assert all(torch.equal(value, still[key]) for key, value in model.imnet_model.state_dict().items())
    assert all(p.grad is None for n in (model.ema_model, model.imnet_model) for p in n.parameters())
    assert all(p.grad is not None for p in model.model.parameters())


def test_without_a_switch_it_is_dacs_draw_for_draw():
    for uda in ({}, with_feature_distance()):
        plain, plus = dacs(**uda), build(**uda)
        for step in range(3):
            logged = []
            for model in (plain, plus):
                torch.manual_seed(step)
                logged.append(model.train_step(batch(step), sgd(model)))
            assert logged[0] == logged[1]


def test_a_strength_of_one_is_hard_mixing():
    logged = []
    for soft in (None, 1.0):
        model = build(soft=soft)
        torch.manual_seed(5)
        logged.append(model.train_step(batch(), sgd(model)))
    assert logged[0] == logged[1]


def test_the_debug_pictures_show_the_soft_mask():
    model = build(soft=0.8)
    model.train_step(batch(), sgd(model))
    step = model.last_step
    torch.testing.assert_close(step.extra['soft mask (white: source)'], 0.8 * step.mix_mask.float())


def test_any_combination_of_switches_takes_a_step_without_waiting_for_the_device():
    """On the meta device there are no values: whatever reads one fails."""
    discrepancies = (None, {'weight': 0.1, 'queue': 4}, {'weight': 0.1, 'features': [0, -1], 'estimate': 'biased'})
    for soft, paste, mmd in itertools.product((None, 0.9), (False, True), discrepancies):
        model = build(soft=soft, soft_paste=paste, mmd=mmd).to('meta')
        data = {k: v.to('meta') if isinstance(v, torch.Tensor) else v for k, v in full_batch().items()}
        for _ in range(2):
            logged = model.train_step(data, sgd(model))
        assert ('mix.loss_mmd' in logged) == (mmd is not None)


def test_a_step_with_every_switch_calls_neither_item_nor_cpu(monkeypatch):
    model, data = build(soft=0.9, soft_paste=True, mmd={'weight': 0.1, 'queue': 4}), full_batch()
    optimizer = sgd(model)

    def sync(*_):
        raise AssertionError('waits for the device')

    for name in ('item', 'cpu', 'numpy', '__bool__', '__float__', '__int__'):
        monkeypatch.setattr(torch.Tensor, name, sync)
    for _ in range(3):
        model.train_step(data, optimizer)


@pytest.mark.parametrize('soft', [0, 1.01, -0.5, True, '0.9', float('nan')])
def test_a_strength_that_is_no_share_is_refused(soft):
    with pytest.raises(InputError, match='soft'):
        build(soft=soft)


def test_a_misspelt_switch_is_refused_with_the_right_name():
    with pytest.raises(InputError, match=r"Did you mean 'soft_paste'"):
        build(softpaste=True)

import math

import pytest
import torch
from torch.nn import functional as F

from mmseg.engine.optim import build_optim_wrapper
from mmseg.errors import InputError
from mmseg.models.uda.adv_seg import Discriminator, cross_entropy
from mmseg.registry import MODELS
from tests.models.uda.tiny import NUM_CLASSES, batch, segmentor, sgd

SGD = {'type': 'SGD', 'lr': 0.1}


def adv_seg(**uda):
    torch.manual_seed(0)
    settings = {'max_iters': 40, 'debug_img_interval': 1, **uda}
    return MODELS.build({'type': 'AdvSeg', 'model': segmentor(), **settings}).train()


def gradients(model, terms):
    """Of the student and of the discriminator, after going back through ``terms`` of the objective."""
    made = model.make_batch(batch())
    for prefix, losses in model.loss_terms(made):
        if prefix in terms:
            model.model.parse_losses(losses)[0].backward()
    found = [[p.grad for p in part.parameters()] for part in (model.model, model.discriminator)]
    model.zero_grad()
    return found


def probabilities(model, img):
    logits = model.model.decode_head(model.model.extract_feat(img))
    return F.interpolate(logits, img.shape[2:], mode='bilinear').softmax(1)


def test_the_discriminator_has_five_convolutions_that_halve_the_size():
    layers = [layer for layer in Discriminator(NUM_CLASSES) if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [64, 128, 256, 512, 1]
    assert {(layer.kernel_size, layer.stride) for layer in layers} == {((4, 4), (2, 2))}
    assert Discriminator(NUM_CLASSES)(torch.zeros(2, NUM_CLASSES, 64, 96)).shape == (2, 1, 2, 3)
    assert isinstance(Discriminator(NUM_CLASSES)[-1], torch.nn.Conv2d)  # logits, not what a ReLU leaves of them


def test_the_loss_is_minus_the_logarithm_of_the_probability_of_the_domain():
    opinion = torch.tensor([math.log(3.0)]).view(1, 1, 1, 1)  # a source image with probability 3 / 4
    assert cross_entropy(opinion, source=True).item() == pytest.approx(-math.log(3 / 4))
    assert cross_entropy(opinion, source=False).item() == pytest.approx(-math.log(1 / 4))


def test_losses_are_those_of_the_paper():
    model = adv_seg(adversarial_weight=0.5)
    logged = model.train_step(batch(), sgd(model, lr=0.0))
    source, target = (model.discriminator(probabilities(model, batch()[key])) for key in ('img', 'target_img'))
    expected = {
        'trg.loss_adv': -0.5 * source_probability(target).log().mean(),
        'discriminator.loss_source': -0.5 * source_probability(source).log().mean(),
        'discriminator.loss_target': -0.5 * (1 - source_probability(target)).log().mean(),
    }
    assert set(logged) == {'loss', 'decode.loss_seg', 'decode.acc_seg', *expected}
    for name, value in expected.items():
        torch.testing.assert_close(logged[name], value.detach())
    torch.testing.assert_close(logged['loss'], logged['decode.loss_seg'] + sum(expected.values()).detach())


def source_probability(opinion):
    return 1 / (1 + (-opinion).exp())


def test_the_adversarial_loss_moves_the_student_alone_and_the_discriminator_s_the_discriminator_alone():
    model = adv_seg(adversarial_weight=0.5)
    student, rival = gradients(model, {'trg'})
    assert any(g is not None and g.abs().max() > 0 for g in student)
    assert rival == [None] * 10
    student, rival = gradients(model, {'discriminator'})
    assert all(g is None for g in student)
    assert all(g.abs().max() > 0 for g in rival)


def test_the_student_s_gradient_is_that_through_the_whole_discriminator():
    model = adv_seg(adversarial_weight=0.5)
    student, _ = gradients(model, {'trg'})
    opinion = model.discriminator(probabilities(model, batch()['target_img']))
    (-0.5 * source_probability(opinion).log().mean()).backward()
    for ours, parameter in zip(student, model.model.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad)


def test_each_has_an_optimizer_of_its_own_and_both_move_by_the_weights_of_the_beginning():
    model = adv_seg(discriminator_lr=0.01, adversarial_weight=0.5)
    student, rival = gradients(model, {'', 'trg', 'discriminator'})
    before = [[p.detach().clone() for p in part.parameters()] for part in (model.model, model.discriminator)]
    model.train_step(batch(), build_optim_wrapper(model, SGD))
    for was, gradient, now in zip(before[0], student, model.model.parameters(), strict=True):
        torch.testing.assert_close(now.detach(), was - 0.1 * gradient)
    for was, gradient, now in zip(before[1], rival, model.discriminator.parameters(), strict=True):
        moved = 0.01 * gradient / (gradient.abs() + 1e-8)  # the first step of Adam
        torch.testing.assert_close(now.detach(), was - moved)


def test_the_discriminator_learns_to_tell_the_domains_apart():
    model = adv_seg(discriminator_lr=2e-3)
    wrapper = build_optim_wrapper(model, {'type': 'SGD', 'lr': 0.0})
    losses = [model.train_step(batch(), wrapper) for _ in range(8)]
    first, last = (
        sum(v for k, v in logged.items() if k.startswith('discriminator.')) for logged in (losses[0], losses[-1])
    )
    assert first > 0.6  # it knows nothing: log 2
    assert last < 0.1


def test_debug_figures_show_what_the_discriminator_takes_for_source():
    model = adv_seg()
    model.train_step(batch(), sgd(model))
    seen = model.last_step.extra['target taken for source (white: surely)']
    assert seen.shape == (2, 1, 32, 32)
    assert ((seen > 0) & (seen < 1)).all()
    assert 'target prediction' in model.last_step.extra


def test_masked_images_get_a_teacher_of_their_own():
    term = {'type': 'MaskedConsistency', 'block_size': 8, 'alpha': 0.9, 'pseudo_threshold': 0.1}
    model = adv_seg(terms=[term])
    assert model.train_step(batch(), build_optim_wrapper(model, SGD))['masked.decode.loss_seg'] > 0
    assert [network.name for network in model.networks()] == ['model', 'mic.teacher.ema_model', 'discriminator']


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r'uda\.adversarial_weight is 0'):
        adv_seg(adversarial_weight=0)
    with pytest.raises(InputError, match=r'uda\.discriminator_lr is -1'):
        adv_seg(discriminator_lr=-1)
    model = adv_seg()
    with pytest.raises(InputError, match=r'32 pixels a side or more, got \(24, 24\)'):
        model.train_step(batch(size=24), sgd(model))

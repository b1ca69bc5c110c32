import math

import pytest
import torch
from torch.nn import functional as F

from mmseg.errors import InputError
from tests.models.networks import build
from tests.parity import golden, make_input

REFERENCE = golden('loss_cross_entropy')
VARIANTS = REFERENCE.config['variants']


def reference_inputs():
    logits = 2.0 * make_input('loss_ce.pred', (2, 19, 12, 16))
    return logits.requires_grad_(), REFERENCE.tensor('in.label').long()


@pytest.mark.parametrize('variant', VARIANTS)
def test_loss_and_gradient_equal_the_reference(variant):
    settings, given = VARIANTS[variant]
    logits, label = reference_inputs()
    call = {
        'weight': REFERENCE.tensor('in.pixel_weight') if 'weight' in given else None,
        'avg_factor': 100.0 if 'avg_factor' in given else None,
        'reduction_override': 'sum' if 'reduction_override' in given else None,
    }
    loss = build({'type': 'CrossEntropyLoss', **settings})(logits, label, **call)
    loss.backward()
    torch.testing.assert_close(loss.detach(), REFERENCE.tensor(f'loss.{variant}'), rtol=1e-5, atol=1e-6)
    gradient = logits.grad.double()
    assert gradient.norm().item() == pytest.approx(float(REFERENCE.arrays[f'loss.{variant}.grad_l2']), rel=1e-5)
    assert gradient.abs().sum().item() == pytest.approx(
        float(REFERENCE.arrays[f'loss.{variant}.grad_sum_abs']), rel=1e-5
    )


@torch.no_grad()
def test_unreduced_ignored_and_sigmoid_losses_equal_the_reference():
    logits, label = reference_inputs()
    plain = build({'type': 'CrossEntropyLoss'})
    unreduced = {'type': 'CrossEntropyLoss', 'reduction': 'none'}
    by_class = {**unreduced, 'class_weight': REFERENCE.arrays['in.class_weight'].tolist()}
    weight = REFERENCE.tensor('in.pixel_weight')
    found = {
        'none': build(unreduced)(logits, label),
        'none_weighted': build(by_class)(logits, label, weight),
        'all_ignored': plain(logits, torch.full_like(label, 255)),
        'sigmoid_mean': build({'type': 'CrossEntropyLoss', 'use_sigmoid': True})(logits, label),
    }
    for name, loss in found.items():
        torch.testing.assert_close(loss, REFERENCE.tensor(f'loss.{name}'), rtol=1e-5, atol=1e-6)


def test_class_weights_do_not_renormalise_the_mean():
    logits, label = torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]])
    loss = build({'type': 'CrossEntropyLoss', 'class_weight': [1.0, 5.0]})(logits, label)
    assert loss.item() == pytest.approx(math.log(2) * (1 + 5) / 2)


def test_the_sigmoid_loss_takes_pixel_weights_and_leaves_ignored_pixels_out():
    logits = torch.tensor([[[[0.0, 0.0, 3.0]], [[0.0, 0.0, -2.0]]]])
    label = torch.tensor([[[0, 1, 255]]])
    loss = build({'type': 'CrossEntropyLoss', 'use_sigmoid': True})(logits, label, torch.tensor([[[1.0, 0.5, 1.0]]]))
    # two classes at each of three pixels; log 2 for a logit of 0, whatever the answer
    assert loss.item() == pytest.approx(math.log(2) * (2 * 1 + 2 * 0.5 + 0) / 6)


def test_the_sigmoid_loss_asks_every_class_on_its_own():
    logits, label = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    loss = build({'type': 'CrossEntropyLoss', 'use_sigmoid': True, 'reduction': 'sum'})(logits, label)
    p = logits.sigmoid()
    hit = F.one_hot(label, 3).permute(0, 3, 1, 2).bool()
    assert loss.item() == pytest.approx(-torch.where(hit, p, 1 - p).log().sum().item(), rel=1e-5)


def test_a_divisor_needs_a_mean():
    loss = build({'type': 'CrossEntropyLoss', 'reduction': 'sum'})
    with pytest.raises(ValueError, match='avg_factor'):
        loss(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long), avg_factor=3)


def test_an_unknown_reduction_is_refused():
    with pytest.raises(InputError, match='average'):
        build({'type': 'CrossEntropyLoss', 'reduction': 'average'})


def test_class_weights_travel_with_the_loss():
    loss = build({'type': 'CrossEntropyLoss', 'class_weight': [1.0, 2.0]}).to(torch.float64)
    assert loss.class_weight.dtype == torch.float64

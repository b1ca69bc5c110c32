import copy
import math

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.uda.mmd import MMD, FeatureQueue, mmd, multi_kernel, pooled
from mmseg.registry import MODELS
from tests.models.uda.plus import build, full_batch, gradient_of
from tests.models.uda.tiny import batch, sgd, with_feature_distance

FACTORS = (0.25, 0.5, 1, 2, 4)


def by_hand(x, y, estimate):
    """Loops over pairs in plain Python."""
    z = [*x.tolist(), *y.tolist()]
    n = len(x)

    def squared(a, b):
        return sum((p - q) ** 2 for p, q in zip(a, b, strict=True))

    pairs = [(i, j) for i in range(2 * n) for j in range(2 * n) if i != j]
    sigma = sum(squared(z[i], z[j]) for i, j in pairs) / len(pairs)

    def k(i, j):
        return sum(math.exp(-squared(z[i], z[j]) / (sigma * f)) for f in FACTORS)

    across = sum(k(i, n + j) for i in range(n) for j in range(n)) / n**2
    total = -2 * across
    for start in (0, n):
        inside = [(start + i, start + j) for i in range(n) for j in range(n) if estimate == 'biased' or i != j]
        total += sum(k(i, j) for i, j in inside) / len(inside)
    return total


@pytest.mark.parametrize('estimate', ['biased', 'unbiased'])
@pytest.mark.parametrize('n', [2, 5])
def test_the_estimate_is_the_formula(n, estimate):
    x, y = torch.randn(2, n, 3, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    assert mmd(x, y, estimate=estimate).item() == pytest.approx(by_hand(x, y, estimate), abs=1e-9)


def test_two_points_at_distance_one_give_five_known_exponentials():
    """Both pairs have squared distance 1 = sigma, so k = sum exp(-1 / factor)."""
    kernel = multi_kernel(torch.tensor([[0.0], [1.0]]))
    across = sum(math.exp(-1 / f) for f in FACTORS)
    torch.testing.assert_close(kernel, torch.tensor([[5, across], [across, 5]]))


@pytest.mark.parametrize('n', [2, 8])
def test_the_unbiased_estimate_is_zero_on_average_for_equal_distributions_and_the_biased_one_is_not(n):
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(1500, 2, n, 16, generator=generator)
    values = {e: torch.stack([mmd(x, y, estimate=e) for x, y in draws]) for e in ('unbiased', 'biased')}
    error = values['unbiased'].std() / len(draws) ** 0.5
    assert values['unbiased'].mean().abs() < 4 * error
    assert error < 0.02
    assert values['biased'].mean() == pytest.approx({2: 3.1, 8: 0.77}[n], abs=0.1)


def test_it_grows_with_the_distance_of_the_distributions():
    x, y = torch.randn(2, 64, 8, generator=torch.Generator().manual_seed(1))
    values = [mmd(x, y + shift).item() for shift in (0.0, 0.5, 2.0)]
    assert abs(values[0]) < 0.1 < values[1] < values[2]


def test_its_gradient_draws_two_clouds_together():
    x, y = torch.randn(2, 16, 4, generator=torch.Generator().manual_seed(2))
    x = (x + 1).requires_grad_()
    mmd(x, y).backward()
    assert x.grad.mean(dim=0).min() > 0  # descending lowers x, towards y


@pytest.mark.parametrize('estimate', ['biased', 'unbiased'])
def test_equal_vectors_give_zero_and_finite_gradients(estimate):
    x = torch.ones(2, 3, requires_grad=True)
    value = mmd(x, torch.ones(2, 3), estimate=estimate)
    value.backward()
    assert value.item() == 0
    assert x.grad.tolist() == [[0.0] * 3] * 2


def test_rows_that_are_not_valid_do_not_count():
    x, y = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(3))
    valid = torch.tensor([True, True, False, True, False])
    for estimate in ('biased', 'unbiased'):
        torch.testing.assert_close(
            mmd(x, y, estimate=estimate, valid=valid), mmd(x[valid], y[valid], estimate=estimate)
        )


def test_pooling_is_the_mean_over_positions_in_single_precision():
    feature = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]], dtype=torch.bfloat16)
    assert pooled(feature).tolist() == [[3.0]]
    assert pooled(feature).dtype == torch.float32


def test_a_queue_keeps_the_newest_pairs():
    queue = FeatureQueue(3)
    for step in (1.0, 2.0):
        queue.open(torch.zeros(2, 1))
        queue.push(torch.tensor([[step], [step + 0.5]]), -torch.tensor([[step], [step + 0.5]]))
        if step == 1.0:
            assert queue.valid().tolist() == [True, True, False]
    assert queue.source.flatten().tolist() == [2.0, 2.5, 1.0]
    assert queue.mixed.flatten().tolist() == [-2.0, -2.5, -1.0]
    assert queue.valid().all()


def maps(*vectors):
    return [torch.tensor(vectors)[:, :, None, None]]


def test_with_a_queue_the_estimate_is_that_of_all_vectors_seen():
    term, generator = MMD(weight=2.0, queue=6), torch.Generator().manual_seed(4)
    xs, ys = torch.randn(2, 4, 2, 3, generator=generator)
    for x, y in zip(xs, ys, strict=True):
        value = term([x[..., None, None]], [y[..., None, None]])
    # the last batch and the six vectors before it
    torch.testing.assert_close(value, 2 * mmd(xs.flip(0).flatten(0, 1), ys.flip(0).flatten(0, 1)))


def test_the_gradient_with_a_queue_is_scaled_as_if_all_vectors_had_one():
    term, generator = MMD(weight=1.0, queue=6), torch.Generator().manual_seed(5)
    xs, ys = torch.randn(2, 4, 2, 3, generator=generator)
    for x, y in zip(xs[:-1], ys[:-1], strict=True):
        term([x[..., None, None]], [y[..., None, None]])
    x = xs[-1].clone().requires_grad_()
    term([x[..., None, None]], [ys[-1][..., None, None]]).backward()
    every = torch.cat([xs[-1], *xs[:-1].flip(0)]).requires_grad_()
    mmd(every, torch.cat([ys[-1], *ys[:-1].flip(0)])).backward()
    torch.testing.assert_close(x.grad, every.grad[:2] * 8 / 2)


def test_one_image_without_a_filled_queue_says_nothing():
    term = MMD(weight=1.0, queue=2)
    assert term(maps([1.0, 2.0]), maps([3.0, 4.0])).item() == 0
    assert term(maps([1.0, 0.0]), maps([2.0, 5.0])).item() != 0


def test_several_levels_add_up():
    fine, coarse = torch.randn(2, 2, 2, 4, 3, 3, generator=torch.Generator().manual_seed(6))
    both = MMD(weight=0.5, features=[0, 1])([fine[0], coarse[0]], [fine[1], coarse[1]])
    each = [MMD(weight=0.5)([level[0]], [level[1]]) for level in (fine, coarse)]
    torch.testing.assert_close(both, sum(each))


@pytest.mark.parametrize('settings', [{}, {'estimate': 'biased'}, {'queue': 4}, {'features': [0, -1]}])
def test_the_term_moves_the_student_and_nothing_else(settings):
    model = build(mmd={'weight': 1.0, **settings}, **with_feature_distance())
    made = model.make_batch(batch())
    *_, (prefix, losses) = model.loss_terms(made)
    assert prefix == 'mix'
    gradient = gradient_of(model, losses['loss_mmd'])
    encoder = dict(zip([name for name, _ in model.model.named_parameters()], gradient, strict=True))
    assert encoder['backbone.stem.weight'].abs().max() > 1e-5
    assert encoder['decode_head.conv_seg.weight'].abs().max() == 0  # it looks at features, not at predictions
    losses['loss_mmd'].backward()
    assert all(p.grad is None for n in (model.ema_model, model.imnet_model) for p in n.parameters())


def test_the_gradient_flows_through_the_source_and_through_the_mixed_images():
    model = build(mmd={'weight': 1.0})
    made = model.make_batch(batch())
    *_, (_, losses) = model.loss_terms(made)
    for part in (made.source, made.mixed):
        (grad,) = torch.autograd.grad(losses['loss_mmd'], part.features[-1], retain_graph=True)
        assert grad.abs().max() > 0


def test_the_total_of_a_step_has_the_term_in_it():
    model = build(soft=0.9, soft_paste=True, mmd={'weight': 0.1})
    logged = model.train_step(full_batch(), sgd(model))
    names = ['decode.loss_seg', 'mix.decode.loss_seg', 'mix.loss_mmd']
    torch.testing.assert_close(logged['loss'], sum(logged[name] for name in names))


def test_one_encoder_pass_for_both_images_gives_the_same_term():
    values = []
    for fuse_forward in (False, True):
        model = build(mmd={'weight': 1.0}, fuse_forward=fuse_forward)
        torch.manual_seed(2)
        values.append(model.train_step(batch(), sgd(model))['mix.loss_mmd'])
    torch.testing.assert_close(values[0], values[1], rtol=1e-4, atol=1e-5)


def test_a_run_goes_on_with_its_queue_after_a_checkpoint():
    straight = build(mmd={'weight': 1.0, 'queue': 4})
    straight.train_step(batch(0), sgd(straight))
    state = copy.deepcopy(straight.state_dict())
    resumed = build(mmd={'weight': 1.0, 'queue': 4})
    resumed.load_state_dict(state)
    logged = []
    for model in (straight, resumed):
        torch.manual_seed(7)
        logged.append(model.train_step(batch(1), sgd(model)))
    assert logged[0] == logged[1]


def test_under_bfloat16_autocast_it_is_computed_in_single_precision():
    x, y = torch.randn(2, 8, 4, generator=torch.Generator().manual_seed(8))
    with torch.autocast('cpu', torch.bfloat16):
        value = mmd(x, y)
    torch.testing.assert_close(value, mmd(x, y))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'weight': 0}, r'uda\.mmd\.weight'),
        ({'weight': -1}, r'uda\.mmd\.weight'),
        ({'features': []}, r'uda\.mmd\.features'),
        ({'features': None}, 'MMD: features=None'),
        ({'features': -1}, 'MMD: features=-1'),
        ({'features': [1, 1]}, r'uda\.mmd\.features'),
        ({'estimate': 'unbaised'}, "Did you mean 'unbiased'"),
        ({'queue': -1}, r'uda\.mmd\.queue'),
        ({'queue': 2.5}, 'MMD: queue=2.5'),
        ({'wieght': 1}, "Did you mean 'weight'"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, message):
    with pytest.raises(InputError, match=message):
        MODELS.build({'type': 'MMD', 'weight': 0.005, **settings})


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'queue': 1}, r'uda\.mmd\.queue is 1.*batch of 2'),
        ({'features': [2]}, r'uda\.mmd\.features is \[2\].*has 2'),
        ({'features': [-3]}, r'uda\.mmd\.features'),
    ],
)
def test_settings_that_do_not_fit_network_or_batch_are_refused_in_the_first_step(settings, message):
    model = build(mmd={'weight': 1.0, **settings})
    with pytest.raises(InputError, match=message):
        model.train_step(batch(), sgd(model))


def test_a_level_that_is_named_twice_in_two_ways_is_refused():
    term = MODELS.build({'type': 'MMD', 'weight': 1.0, 'features': [-1, 1]})
    levels = [torch.zeros(2, 3, 1, 1), torch.zeros(2, 3, 1, 1)]
    with pytest.raises(InputError, match='levels, none of them twice'):
        term(levels, levels)

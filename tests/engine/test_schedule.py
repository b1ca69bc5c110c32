import pytest

from mmseg.engine.schedule import LearningRate, build_schedule
from mmseg.errors import InputError
from tests.parity import golden

DAFORMER = {
    'policy': 'poly',
    'warmup': 'linear',
    'warmup_iters': 1500,
    'warmup_ratio': 1e-6,
    'power': 1.0,
    'min_lr': 0.0,
    'by_epoch': False,
}


@pytest.mark.parametrize(
    ('iteration', 'factor'),
    [(0, 1e-6), (750, 0.5 * 0.98125), (1499, 0.9618), (1500, 0.9625), (20_000, 0.5), (39_999, 2.5e-5), (40_000, 0.0)],
)
def test_warmup_multiplies_the_decay(iteration, factor):
    assert build_schedule(DAFORMER, 40_000)(iteration, 1.0) == pytest.approx(factor, rel=1e-4)


@pytest.mark.parametrize('name', ['poly10warm', 'poly10', 'poly_power09'])
def test_the_schedule_is_that_of_the_reference_for_both_base_rates(name):
    case = golden('lr_schedule')
    schedule = build_schedule({'policy': 'poly', **case.config['schedules'][name]}, case.config['max_iters'])
    for iteration, expected in zip(case.arrays['in.iters'], case.arrays[f'{name}.lr'], strict=True):
        rates = [schedule(int(iteration), base) for base in case.config['base_lr']]
        assert rates == pytest.approx(list(expected), rel=1e-9)


@pytest.mark.parametrize(
    ('printed', 'rate'), [(50, '1.958e-06'), (100, '3.950e-06'), (150, '5.938e-06'), (200, '7.920e-06')]
)
def test_rates_of_the_encoder_are_those_that_a_log_of_the_published_recipe_shows(printed, rate):
    schedule = build_schedule(DAFORMER, 40_000)
    assert f'{schedule(printed - 1, 6e-5):.3e}' == rate


def test_the_table_of_a_short_run():
    schedule = LearningRate(max_iters=10, warmup='linear', warmup_iters=2, warmup_ratio=0.5)
    rates = [schedule(t, 1.0) for t in range(11)]
    assert rates == pytest.approx([0.5, 0.75 * 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])


def test_a_minimal_rate_above_the_base_rate_is_risen_to():
    schedule = LearningRate(max_iters=4, min_lr=3.0)
    assert [schedule(t, 1.0) for t in (0, 2, 4)] == [1.0, 2.0, 3.0]


def test_steps_and_constant_rates():
    step = build_schedule({'policy': 'step', 'step': [2, 4], 'gamma': 0.5}, 10)
    assert [step(t, 1.0) for t in (0, 1, 2, 3, 4, 9)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert build_schedule(None, 10)(9, 0.1) == 0.1


@pytest.mark.parametrize(
    ('cfg', 'words'),
    [
        ({'policy': 'cosine'}, 'cosine'),
        ({'policy': 'poly', 'warmup': 'exp', 'warmup_iters': 3}, 'exp'),
        ({'policy': 'poly', 'powr': 1.0}, "'power'"),
        ({'policy': 'poly', 'by_epoch': True}, 'by_epoch'),
        ({'policy': 'poly', 'warmup': 'linear'}, 'warmup_iters'),
    ],
)
def test_a_wrong_lr_config_is_refused_by_name(cfg, words):
    with pytest.raises(InputError, match=words):
        build_schedule(cfg, 10)


@pytest.mark.parametrize('setting', [{'gamma': 0.5}, {'step': [2]}])
def test_settings_of_steps_are_refused_where_the_rate_has_none(setting):
    with pytest.raises(InputError, match="policy='poly' has none"):
        build_schedule({'policy': 'poly', **setting}, 10)

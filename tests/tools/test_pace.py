from mmseg.benchmark import pace
from mmseg.config.load import load_config
from mmseg.config.read import SHIPPED_CONFIGS


def test_the_pace_is_the_median_of_iterations_that_the_clock_counts(monkeypatch):
    """A clock that stands still but for the seconds that the iterations are said to take; two are not counted."""
    ticks = iter([0, 90, 100, 180, 200, 201, 300, 302, 400, 407])
    monkeypatch.setattr(pace.time, 'perf_counter', lambda: next(ticks))
    cfg = load_config(SHIPPED_CONFIGS / 'toy' / 'source_only.py')
    assert pace.seconds_per_iteration(cfg, side=64, iterations=3) == 2


def test_the_pace_of_adaptation_is_measured_too():
    options = {'uda.pseudo_weight_ignore_bottom': 2}
    cfg = load_config(SHIPPED_CONFIGS / 'toy' / 'daformer.py', options)
    assert pace.seconds_per_iteration(cfg, side=64, iterations=1) > 0

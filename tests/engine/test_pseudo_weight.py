from types import SimpleNamespace

import pytest
import torch

from mmseg.engine.hooks.pseudo_weight import PseudoWeightWatch


def warned(weights, interval=50) -> list[str]:
    """What is said of a run whose pseudo-labels have these weights, one an iteration."""
    said: list[str] = []
    model = SimpleNamespace(pseudo_weight_sum=None)
    runner = SimpleNamespace(model=model, logger=SimpleNamespace(warning=said.append))
    hook = PseudoWeightWatch(interval=interval)
    for iteration, weight in enumerate(weights):
        before = 0 if model.pseudo_weight_sum is None else model.pseudo_weight_sum
        model.pseudo_weight_sum = before + torch.tensor(float(weight))
        hook.after_train_iter(runner, iteration)
    return said


def test_weights_that_stay_zero_for_500_iterations_are_one_warning():
    said = warned([0] * 1200)
    assert len(said) == 1
    assert 'for 500 iterations' in said[0]
    assert 'for 600 iterations' in warned([0] * 1200, interval=200)[0]
    assert warned([0] * 499) == []


@pytest.mark.parametrize('alive', [0, 30, 449, 499])
def test_a_single_weight_above_zero_starts_the_count_again(alive):
    weights = [0] * 900
    weights[alive] = 0.01
    said = warned(weights)
    assert len(said) == (1 if alive < 400 else 0)


def test_methods_without_pseudo_labels_are_left_alone():
    runner = SimpleNamespace(model=SimpleNamespace())
    PseudoWeightWatch(interval=1).after_train_iter(runner, 600)

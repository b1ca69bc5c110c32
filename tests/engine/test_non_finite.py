from types import SimpleNamespace

import pytest
import torch

from mmseg.engine.hooks.non_finite import NonFiniteStop
from mmseg.engine.hooks.training_log import Record
from mmseg.engine.stop import NonFiniteLoss


def run_steps(steps):
    """Steps that return these values; then a record is due."""
    saved = []
    runner = SimpleNamespace(work_dir='work', save_state=lambda name, iteration: saved.append((name, iteration)))
    hook = NonFiniteStop()
    for i, values in enumerate(steps):
        hook.after_train_iter(runner, i, outputs={name: torch.tensor(value) for name, value in values.items()})
    hook.after_record(runner, Record('train', len(steps), {}))
    return saved


def test_finite_losses_pass():
    assert run_steps([{'loss': 1.0}, {'loss': 2.0, 'other': 3.0}]) == []


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_the_first_bad_iteration_is_named_with_its_values(bad):
    with pytest.raises(NonFiniteLoss, match=r'from iteration 2 on: loss 5, part (nan|inf)\.'):
        run_steps([{'loss': 1.0, 'part': 1.0}, {'loss': 5.0, 'part': bad}, {'loss': float('nan'), 'part': 0.0}])


def test_it_is_not_forgotten_when_the_step_returns_other_names():
    with pytest.raises(NonFiniteLoss, match=r'from iteration 1 on: loss nan\.'):
        run_steps([{'loss': float('nan')}, {'loss': 1.0, 'part': 1.0}])
    with pytest.raises(NonFiniteLoss, match=r'from iteration 2 on: loss 1, part nan\.'):
        run_steps([{'loss': 1.0}, {'loss': 1.0, 'part': float('nan')}])

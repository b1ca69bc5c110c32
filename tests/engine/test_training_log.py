"""The training log points out a network that waits for its data."""

from types import SimpleNamespace

import pytest
import torch

from mmseg.engine.hooks import training_log
from mmseg.engine.hooks.training_log import TrainingLog


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(training_log, 'print_log', lambda text, *_, **__: texts.append(text))
    return texts


def run(monkeypatch, data_times):
    """Iterations of a second each, of which so much is spent waiting; a record every two."""
    monkeypatch.setattr(training_log.time, 'perf_counter', lambda: 1.0)
    hook = TrainingLog(interval=2)
    wrapper = SimpleNamespace(param_groups=[{'lr': 0.1}])
    loop = SimpleNamespace(started=0.0, data_time=0.0)
    runner = SimpleNamespace(max_iters=100, train_loop=loop, optim_wrapper=wrapper, device=torch.device('cpu'))
    runner.call_hook = lambda *_, **__: None
    for i, waited in enumerate(data_times):
        loop.data_time = waited
        hook.after_train_iter(runner, i)


def test_a_network_that_waits_for_its_data_is_pointed_out_once(monkeypatch, said):
    run(monkeypatch, [0, 0, 0.2, 0.3, 0.5, 0.5])
    (text,) = said
    assert '25% of the time' in text
    assert 'tools.cache_dataset' in text


def test_the_start_of_the_workers_and_a_tenth_of_the_time_are_not(monkeypatch, said):
    run(monkeypatch, [1, 1, 0.1, 0.1, 0.1, 0.05])
    assert not said

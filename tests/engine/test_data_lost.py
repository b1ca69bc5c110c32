"""A run whose data does not come any more saves its state and says why."""

import multiprocessing
import os
import signal

import pytest
import torch
from mmengine.hooks import Hook

from mmseg.engine.stop import WorkerGone
from mmseg.engine.train import train
from mmseg.registry import DATASETS, HOOKS
from tests.engine.tiny import TinyImages, tiny_config


@HOOKS.register_module()
class KillWorkers(Hook):
    """As the system does that is out of memory."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx + 1 == 3:
            for worker in multiprocessing.active_children():
                os.kill(worker.pid, signal.SIGKILL)


@DATASETS.register_module()
class FewFiles(TinyImages):
    """Images that can be opened up to number ``last``."""

    def __init__(self, *, last: int, **images) -> None:
        super().__init__(**images)
        self.last = last

    def sample(self, i, seed):
        if i > self.last:
            raise OSError(24, 'Too many open files', f'{i}.png')
        return super().sample(i, seed)


@pytest.mark.slow
def test_a_killed_worker_ends_the_run_with_its_state_saved(tmp_path):
    hooks = [{'type': 'KillWorkers'}]
    with pytest.raises(
        WorkerGone, match=r'killed by SIGKILL \(9: often for lack of memory\).*the state is saved'
    ) as end:
        train(tiny_config(tmp_path / 'run', data__workers_per_gpu=1, evaluation=None, custom_hooks=hooks))
    assert end.value.exit_code == 4
    # What it had prepared is trained on; torch asks after a worker that keeps silent for five seconds.
    assert 3 <= torch.load(tmp_path / 'run' / 'latest.pth', weights_only=True)['meta']['iter'] < 12


@pytest.mark.parametrize('workers', [0, 1])
def test_a_limit_of_open_files_ends_the_run_with_its_state_saved(tmp_path, workers):
    data = {'samples_per_gpu': 2, 'workers_per_gpu': workers, 'train': {'type': 'FewFiles', 'last': 7}}
    with pytest.raises(WorkerGone, match=r'open no more files \(ulimit -n\).* after iteration 4 of 12'):
        train(tiny_config(tmp_path / 'run', data=data, evaluation=None))
    assert torch.load(tmp_path / 'run' / 'latest.pth', weights_only=True)['meta']['iter'] == 4


def test_a_run_that_has_learnt_nothing_leaves_nothing_that_hinders_the_same_command(tmp_path):
    data = {'samples_per_gpu': 2, 'workers_per_gpu': 0, 'train': {'type': 'FewFiles', 'last': 0}}
    with pytest.raises(WorkerGone, match='after iteration 0 of 12; nothing has been learnt'):
        train(tiny_config(tmp_path / 'run', data=data, evaluation=None))
    assert not list((tmp_path / 'run').glob('*.pth'))
    data['train']['last'] = 99
    assert (train(tiny_config(tmp_path / 'run', data=data, evaluation=None)) / 'latest.pth').is_file()

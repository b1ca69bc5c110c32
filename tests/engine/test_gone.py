"""What a run writes to, or reads from, is taken away while it trains."""

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from mmseg.engine.train import train
from mmseg.errors import InputError
from mmseg.registry import DATASETS, HOOKS
from tests.engine.tiny import TinyImages, tiny_config

CURVES = [{'type': 'TextLoggerHook', 'by_epoch': False}, {'type': 'TensorboardLoggerHook'}]


@HOOKS.register_module()
class DeleteFolder(Hook):
    """As somebody does who takes the folder of a run for an old one."""

    priority = 'VERY_LOW'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx + 1 == 7:
            shutil.rmtree(runner.work_dir)


@DATASETS.register_module()
class VanishingImages(TinyImages):
    """Images of which those from number ``first`` on are gone."""

    def __init__(self, *, first: int, **images) -> None:
        super().__init__(**images)
        self.first = first

    def sample(self, i, seed):
        if i >= self.first:
            raise InputError(f"Image '{i}.png' cannot be read: No such file or directory.")
        return super().sample(i, seed)


def deleting(work_dir: Path, **options):
    return tiny_config(work_dir, custom_hooks=[{'type': 'DeleteFolder'}], **options)


@pytest.mark.parametrize('options', [{}, {'log_config__hooks': CURVES, 'log_config__interval': 1}])
def test_a_work_directory_that_is_deleted_in_the_middle_of_a_run_ends_it_with_a_sentence(tmp_path, options):
    with pytest.raises(InputError, match=r'The work directory .*run is gone: it was deleted or renamed'):
        train(deleting(tmp_path / 'run', evaluation=None, **options))
    assert not (tmp_path / 'run').exists()


def test_a_checkpoint_that_finds_no_folder_makes_one_that_a_run_can_go_on_from(tmp_path):
    run = tmp_path / 'run'
    cfg = deleting(run, evaluation=None, log_config__interval=100, checkpoint_config__interval=8, runner__max_iters=16)
    train(cfg)
    assert {'run.json', 'iter_8.pth', 'iter_16.pth', 'latest.pth'} < {path.name for path in run.iterdir()}
    train(tiny_config(run, evaluation=None, runner__max_iters=20), resume=run)
    assert torch.load(run / 'latest.pth', weights_only=True)['meta']['iter'] == 20


@pytest.mark.parametrize('workers', [0, 1])
def test_a_file_that_cannot_be_used_any_more_ends_the_run_with_its_state_saved(tmp_path, workers):
    run = tmp_path / 'run'
    data = {'samples_per_gpu': 2, 'workers_per_gpu': workers, 'train': {'type': 'VanishingImages', 'first': 9}}
    with pytest.raises(InputError, match=r"Image '9.png' cannot .* after iteration 4 of 12; the state is saved\."):
        train(tiny_config(run, data=data, evaluation=None))
    data['train']['first'] = 100
    train(tiny_config(run, data=data, evaluation=None), resume=run, allow_changes=True)
    assert torch.load(run / 'latest.pth', weights_only=True)['meta']['iter'] == 12


def test_a_file_that_the_first_iteration_misses_leaves_no_checkpoint(tmp_path):
    data = {'samples_per_gpu': 2, 'workers_per_gpu': 0, 'train': {'type': 'VanishingImages', 'first': 0}}
    with pytest.raises(InputError, match=r'No such file or directory\.$'):
        train(tiny_config(tmp_path / 'run', data=data))
    assert not list((tmp_path / 'run').glob('*.pth'))


@pytest.mark.parametrize('max_iters', [3, 12])
def test_an_evaluation_whose_files_are_gone_loses_nothing_of_the_training(tmp_path, monkeypatch, max_iters):
    def gone(dataset, index):
        raise InputError(f"Label map '{index}.png' does not exist.")

    monkeypatch.setattr(TinyImages, 'label_of', gone)
    run = tmp_path / 'run'
    with pytest.raises(InputError, match=rf"Label map '0.png' .* after iteration 3 of {max_iters}; the state is saved"):
        train(tiny_config(run, runner__max_iters=max_iters))
    assert torch.load(run / 'latest.pth', weights_only=True)['meta']['iter'] == 3
    monkeypatch.undo()
    train(tiny_config(run, runner__max_iters=max_iters), resume=run)
    assert '"mode": "val", "epoch": 1, "iter": 3' in ''.join(path.read_text() for path in run.glob('*.log.json'))

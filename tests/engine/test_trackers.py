"""Curves in Weights & Biases and MLflow, with stand-ins for the packages."""

import importlib.util
import sys
import types
from typing import Any

import pytest

from mmseg.engine import trackers
from mmseg.engine.train import train
from mmseg.errors import InputError
from tests.engine.tiny import tiny_config


class Recorder(types.ModuleType):
    """A package that remembers every call as (name, arguments, keywords)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.calls: list[tuple[str, tuple, dict]] = []
        self.__spec__ = importlib.util.spec_from_loader(name, None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return lambda *arguments, **keywords: self.calls.append((name, arguments, keywords))

    def of(self, name: str) -> list[tuple[tuple, dict]]:
        return [(arguments, keywords) for called, arguments, keywords in self.calls if called == name]


@pytest.fixture
def package(request, monkeypatch):
    made = Recorder(request.param)
    if request.param == 'wandb':
        made.config = Recorder('wandb.config')
    else:
        made.MlflowException = RuntimeError
    monkeypatch.setitem(sys.modules, request.param, made)
    return made


def run(folder, hook: dict):
    cfg = tiny_config(folder / 'run', runner__max_iters=2, evaluation__interval=2, log_config__interval=1)
    cfg.log_config.hooks.append(hook)
    return train(cfg)


@pytest.mark.parametrize('package', ['wandb'], indirect=True)
def test_wandb_gets_the_run_its_config_every_loss_and_every_class(tmp_path, package):
    # As a config of mmseg 0.16 has it, with what has no meaning here.
    run(tmp_path, {'type': 'WandbLoggerHook', 'by_epoch': False, 'interval': 9, 'init_kwargs': {'project': 'mine'}})
    ((_, start),) = package.of('init')
    assert start == {'project': 'mine', 'name': 'run', 'dir': str(tmp_path / 'run')}
    (((config,), _),) = package.config.of('update')
    assert config['seed'] == 5
    logged = {(keywords['step'], name) for (values,), keywords in package.of('log') for name in values}
    assert {(1, 'train/decode.loss_seg'), (1, 'learning_rate'), (2, 'train/loss'), (2, 'val/mIoU')} <= logged
    assert sum(name.startswith('val/IoU.') for _, name in logged) == 11
    assert package.of('finish')


@pytest.mark.parametrize('package', ['mlflow'], indirect=True)
def test_mlflow_gets_the_run_its_config_every_loss_and_every_class(tmp_path, package, monkeypatch):
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    run(tmp_path, {'type': 'MlflowLoggerHook', 'exp_name': 'mine', 'by_epoch': False, 'log_model': False})
    assert package.of('set_tracking_uri') == [((f'sqlite:///{tmp_path / "mlflow.db"}',), {})]
    assert package.of('set_experiment') == [(('mine',), {})]
    assert package.of('set_tag') == [(('mlflow.runName', 'run'), {})]
    (((parameters,), _),) = package.of('log_params')
    assert parameters == {'seed': 5, 'max_iters': 2, 'lr': 0.01}
    logged = {(step, name) for (values, step), _ in package.of('log_metrics') for name in values}
    assert {(1, 'train/decode.loss_seg'), (2, 'val/mIoU')} <= logged
    assert sum(name.startswith('val/IoU.') for _, name in logged) == 11
    assert len(package.of('end_run')) == 1  # a second one would begin another run


@pytest.mark.parametrize(('hook', 'package'), [('WandbLoggerHook', 'wandb'), ('MlflowLoggerHook', 'mlflow')])
def test_a_package_that_is_not_installed_is_named_with_its_pip_line(tmp_path, monkeypatch, hook, package):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(InputError, match=f'{hook} needs the package .{package}.: `pip install {package}`'):
        trackers.vis_backend({'type': hook}, tmp_path)


def test_an_argument_that_a_backend_has_not_is_named(tmp_path):
    with pytest.raises(InputError, match=r"TensorboardLoggerHook: .* has no argument 'save_dirr'.*'save_dir'"):
        trackers.vis_backend({'type': 'TensorboardLoggerHook', 'save_dirr': 'x'}, tmp_path)


def test_the_folder_of_tensorboard_can_be_set_in_either_spelling(tmp_path):
    hook = {'type': 'TensorboardLoggerHook', 'log_dir': 'elsewhere', 'by_epoch': False}
    assert trackers.vis_backend(hook, tmp_path)['save_dir'] == 'elsewhere'
    assert trackers.vis_backend({'type': 'TensorboardLoggerHook'}, tmp_path)['save_dir'] == str(tmp_path / 'tf_logs')

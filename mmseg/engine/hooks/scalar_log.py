"""Curves: every record goes to the visualizer's backends (TensorBoard, Weights & Biases)."""

import importlib.util
import math
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook

from mmseg.engine.hooks.training_log import Record
from mmseg.engine.runner import TrainRunner
from mmseg.errors import InputError
from mmseg.registry import HOOKS

# Name in log_config.hooks -> (engine's backend, package that it needs)
BACKENDS = {
    'TensorboardLoggerHook': ('TensorboardVisBackend', 'tensorboard'),
    'WandbLoggerHook': ('WandbVisBackend', 'wandb'),
}


@HOOKS.register_module()
class ScalarLog(Hook):
    """Writes the values of each record under their names, ``train/…`` and ``val/…``."""

    @master_only
    def after_record(self, runner: TrainRunner, record: Record) -> None:
        """Called with every :class:`Record`; values that are undefined are left out."""
        scalars = {f'{record.mode}/{name}': value for name, value in record.values.items() if math.isfinite(value)}
        scalars.pop('train/eta', None)
        if record.mode == 'train':
            scalars['learning_rate'] = scalars.pop('train/lr')
        runner.visualizer.add_scalars(scalars, step=record.iteration)

    @master_only
    def after_run(self, runner: TrainRunner) -> None:
        runner.visualizer.close()


def vis_backend(cfg: dict, work_dir: Path) -> dict:
    """Config of the engine's backend for one entry of ``log_config.hooks``.

    Raises:
        InputError: the package it needs is not installed.
    """
    arguments = {key: value for key, value in cfg.items() if key not in ('type', 'by_epoch', 'interval')}
    backend, package = BACKENDS[cfg['type']]
    if importlib.util.find_spec(package) is None:
        raise InputError(
            f'log_config.hooks: {cfg["type"]} needs the package {package!r}: `pip install {package}`, '
            'or leave this entry out of the config.'
        )
    return {'type': backend, 'save_dir': str(work_dir / 'tf_logs'), **arguments}

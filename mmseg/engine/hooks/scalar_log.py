"""Curves: every record goes to the visualizer's backends (TensorBoard, Weights & Biases, MLflow)."""

import math

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.visualization import TensorboardVisBackend

from mmseg.engine.hooks.training_log import Record
from mmseg.engine.runner import TrainRunner
from mmseg.registry import HOOKS


@HOOKS.register_module()
class ScalarLog(Hook):
    """Writes the values of each record under their names, ``train/…`` and ``val/…``."""

    @master_only
    def before_train(self, runner: TrainRunner) -> None:
        """Give the complete config to those that keep one with the run; TensorBoard's has it beside its files."""
        for backend in runner.visualizer._vis_backends.values():
            if not isinstance(backend, TensorboardVisBackend):
                backend.add_config(runner.full_cfg)

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

"""Console line, ``<time>.log`` and ``<time>.log.json``."""

import datetime
import json
import math
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook

from mmseg.engine.hooks.training_log import Record
from mmseg.engine.runner import TrainRunner
from mmseg.registry import HOOKS
from mmseg.writing import append_text


@HOOKS.register_module()
class TextLoggerHook(Hook):
    """Writes each record as a line for people and as a JSON object on a line for programs.

    The first JSON line says which run it is (``exp_name``, ``seed``, ``env_info``); training lines have
    ``"mode": "train"``, validation lines ``"mode": "val"``; undefined metrics are null.

    Args:
        by_epoch: accepted as False only by the config's readers; training is counted in iterations.
    """

    def __init__(self, *, by_epoch: bool = False) -> None:
        self.by_epoch = by_epoch

    @master_only
    def before_train(self, runner: TrainRunner) -> None:
        self._write(
            runner,
            {'exp_name': Path(runner.work_dir).resolve().name, 'seed': runner.seed, 'env_info': runner.environment},
        )

    @master_only
    def after_record(self, runner: TrainRunner, record: Record) -> None:
        """Called with every :class:`Record`."""
        values = {name: value if math.isfinite(value) else None for name, value in record.values.items()}
        values.pop('eta', None)
        self._write(runner, {'mode': record.mode, 'epoch': 1, 'iter': record.iteration, **values})
        runner.logger.info(
            training_line(record, runner.max_iters) if record.mode == 'train' else validation_line(record)
        )

    @staticmethod
    def _write(runner: TrainRunner, line: dict) -> None:
        append_text(Path(runner.work_dir, f'{runner.timestamp}.log.json'), json.dumps(line) + '\n')


def training_line(record: Record, max_iters: int) -> str:
    """``Iter [50/40000] lr: 1.958e-06, eta: 15:41:27, time: 1.413, data_time: 0.022, memory: 9808 MB, …``."""
    values = dict(record.values)
    fixed = {
        'lr': f'{values.pop("lr"):.3e}',
        'eta': str(datetime.timedelta(seconds=int(values.pop('eta')))),
        'time': f'{values.pop("time"):.3f}',
        'data_time': f'{values.pop("data_time"):.3f}',
        'memory': f'{values.pop("memory"):.0f} MB',
    }
    parts = fixed | {name: f'{value:.4f}' for name, value in values.items()}
    return f'Iter [{record.iteration}/{max_iters}] ' + ', '.join(f'{name}: {text}' for name, text in parts.items())


def validation_line(record: Record) -> str:
    """The means over classes in percent, as in the table that the evaluation logs, which has each class."""
    means = {name: value for name, value in record.values.items() if '.' not in name}
    text = ', '.join(f'{name}: {100 * value:.2f}' for name, value in means.items())
    return f'Iter(val) [{record.iteration}] {text}'

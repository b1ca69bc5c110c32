"""Evaluates the student during training."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from torch.utils.data import DataLoader

from mmseg.engine.best_checkpoint import BestCheckpoint
from mmseg.engine.hooks.periodic import PeriodicMeasurement
from mmseg.engine.hooks.training_log import Record
from mmseg.engine.runner import TrainRunner
from mmseg.evaluation.evaluate import evaluate
from mmseg.evaluation.metrics import COLUMNS, ConfusionMatrix, reported_subsets
from mmseg.registry import HOOKS
from mmseg.report.table import class_table


@HOOKS.register_module()
class EvaluationHook(PeriodicMeasurement):
    """Every ``interval`` iterations, and at the last one: a table in the log, a record for JSON and curves.

    Args:
        loader: test batches of ``dataset``.
        dataset: what to evaluate on (``label_set``, ``split_name``, …).
        interval: iterations between two evaluations.
        source: type of the source data set; Synthia adds the means over its classes.
        dtype: what the network computes in, see :func:`evaluate`.
        columns: what is given for each class, of :data:`mmseg.evaluation.metrics.COLUMNS`; IoU and Acc always are.
        save_best: the metric by which the best state is kept; see :class:`BestCheckpoint`.
    """

    def __init__(
        self,
        *,
        loader: DataLoader,
        dataset: Any,
        interval: int,
        source: str | None = None,
        dtype: torch.dtype | None = None,
        save_best: str | None = None,
        columns: Sequence[str] = COLUMNS['mIoU'],
    ) -> None:
        super().__init__(interval=interval, logged='mIoU')
        self.columns = list(columns)
        self.loader = loader
        self.dataset = dataset
        self.source = source
        self.dtype = dtype
        self.best = None if save_best is None else BestCheckpoint(save_best, self._metrics())

    def before_train(self, runner: TrainRunner) -> None:
        if self.best is not None:
            self._open_best(runner, self.best)
        super().before_train(runner)

    def measure(self, runner: TrainRunner, done: int) -> None:
        bar = is_main_process() and sys.stderr.isatty()  # in a file it would be thousands of lines
        metrics = evaluate(
            runner.model,
            self.loader,
            self.dataset,
            device=runner.device,
            progress=bar,
            dtype=self.dtype,
            stop=lambda: runner.stop_request.signal_number is not None,
        )
        label_set = self.dataset.label_set
        table = class_table(
            {f'iteration {done}': metrics}, label_set, reported_subsets(label_set, self.source), self.columns
        )
        runner.logger.info(
            f'Evaluation on the {len(self.dataset)} images of data.val ({self.dataset.split_name}):\n{table}'
        )
        percents = metrics.summary(label_set, self.source, self.columns)
        values = {name: round(value / 100, 4) for name, value in percents.items()}
        runner.call_hook('after_record', record=Record('val', done, values))
        if self.best is not None:
            self.best.offer(runner, done, values)

    def _metrics(self) -> list[str]:
        """The names of everything that an evaluation measures."""
        label_set = self.dataset.label_set
        return list(ConfusionMatrix(len(label_set.classes)).metrics().summary(label_set, self.source, self.columns))

    @staticmethod
    def _open_best(runner: TrainRunner, best: BestCheckpoint) -> None:
        best.restore(Path(runner.work_dir))
        if runner.full_cfg.get('uda'):
            runner.logger.warning(
                f'evaluation.save_best={best.metric!r} chooses a checkpoint by the labels of the target. That is '
                'not the protocol of unsupervised adaptation, by which the last iteration counts: report it as chosen.'
            )

"""Evaluates the student during training."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from torch.utils.data import DataLoader

from mmseg.datasets.loader import DataUnusable
from mmseg.engine.best_checkpoint import BestCheckpoint
from mmseg.engine.distributed import broadcast_buffers, on_main
from mmseg.engine.hooks.training_log import Record
from mmseg.engine.runner import TrainRunner
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import evaluate
from mmseg.evaluation.metrics import COLUMNS, ConfusionMatrix, reported_subsets
from mmseg.registry import HOOKS
from mmseg.report.logs import read_log
from mmseg.report.table import class_table


@HOOKS.register_module()
class EvaluationHook(Hook):
    """Every ``interval`` iterations, and at the last one: a table in the log, a record for JSON and curves.

    It comes after everything else of its iteration, the checkpoint too. A run that is resumed where its evaluation is
    missing in the log begins with it.

    Args:
        loader: test batches of ``dataset``.
        dataset: what to evaluate on (``label_set``, ``split_name``, …).
        interval: iterations between two evaluations.
        source: type of the source data set; Synthia adds the means over its classes.
        dtype: what the network computes in, see :func:`evaluate`.
        columns: what is given for each class, of :data:`mmseg.evaluation.metrics.COLUMNS`; IoU and Acc always are.
        save_best: the metric by which the best state is kept; see :class:`BestCheckpoint`.
    """

    priority = 'LOWEST'

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
        self.columns = list(columns)
        self.loader = loader
        self.dataset = dataset
        self.interval = interval
        self.source = source
        self.dtype = dtype
        self.best = None if save_best is None else BestCheckpoint(save_best, self._metrics())

    def before_train(self, runner: TrainRunner) -> None:
        if self.best is not None:
            self._open_best(runner, self.best)
        done = runner.iter
        if not done or not self._due(runner, done):
            return
        broadcast_buffers(runner.student)  # as after the evaluation, which is later than the state of ``done``
        if not on_main(lambda: is_logged(Path(runner.work_dir), done, 'mIoU')):
            runner.logger.info(f'The evaluation after iteration {done} is missing in the log: it comes first.')
            self._evaluate(runner, done)

    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        if self._due(runner, batch_idx + 1):
            self._evaluate(runner, batch_idx + 1)

    def _due(self, runner: TrainRunner, done: int) -> bool:
        return done % self.interval == 0 or done == runner.max_iters

    def _evaluate(self, runner: TrainRunner, done: int) -> None:
        bar = is_main_process() and sys.stderr.isatty()  # in a file it would be thousands of lines
        broadcast_buffers(runner.student)  # all predict with the network that the first one saves
        try:
            metrics = evaluate(
                runner.model,
                self.loader,
                self.dataset,
                device=runner.device,
                progress=bar,
                dtype=self.dtype,
                stop=lambda: runner.stop_request.signal_number is not None,
            )
        except InputError as error:  # the training up to here is saved before it is said
            raise DataUnusable(str(error)) from error
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


def is_logged(work_dir: Path, done: int, name: str) -> bool:
    """Whether the log of a run has the value ``name`` of the evaluation after ``done`` iterations."""
    try:
        return name in read_log(work_dir).val.get(done, {})
    except InputError:  # no log, or none that can be read
        return False

"""Evaluates a network of the run during training."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.dist import is_main_process
from torch import nn
from torch.utils.data import DataLoader

from mmseg.engine.checkpoints.best_checkpoint import BestCheckpoint
from mmseg.engine.hooks.periodic import PeriodicMeasurement
from mmseg.engine.hooks.training_log import Record
from mmseg.engine.runner import TrainRunner
from mmseg.evaluation.evaluate import evaluate
from mmseg.evaluation.metrics import COLUMNS, ConfusionMatrix, Metrics, over_sets, reported_subsets
from mmseg.evaluation.origin import state_in_words
from mmseg.models.networks import evaluated_network
from mmseg.registry import HOOKS
from mmseg.report.table import class_table


class EvaluatedSet(NamedTuple):
    """Images with labels (``label_set``, ``split_name``, …), test batches of them, and in words at which size."""

    dataset: Any
    loader: DataLoader
    tested_at: str


@HOOKS.register_module()
class EvaluationHook(PeriodicMeasurement):
    """Every ``interval`` iterations, and at the last one: a table in the log, a record for JSON and curves.

    Of several sets the record holds each metric as ``NAME/metric``, and under its plain name the mean over the sets.

    Args:
        sets: what to evaluate on, by name; a single one is called ''. Of the same classes.
        interval: iterations between two evaluations.
        weights: which network of a method, 'student' or 'teacher'.
        source: type of the source data set; Synthia adds the means over its classes.
        dtype: what the network computes in, see :func:`evaluate`.
        columns: what is given for each class, of :data:`mmseg.evaluation.metrics.COLUMNS`; IoU and Acc always are.
        save_best: the metric by which the best state is kept; see :class:`BestCheckpoint`.
    """

    def __init__(
        self,
        *,
        sets: Mapping[str, EvaluatedSet],
        interval: int,
        weights: str = 'student',
        source: str | None = None,
        dtype: torch.dtype | None = None,
        save_best: str | None = None,
        columns: Sequence[str] = COLUMNS['mIoU'],
    ) -> None:
        super().__init__(interval=interval, logged='mIoU')
        self.columns = list(columns)
        self.sets = dict(sets)
        self.label_set = next(iter(self.sets.values())).dataset.label_set
        self.weights = weights
        self.source = source
        self.dtype = dtype
        self.best = None if save_best is None else BestCheckpoint(save_best, self._metrics())

    def before_train(self, runner: TrainRunner) -> None:
        if self.best is not None:
            self._open_best(runner, self.best)
        super().before_train(runner)

    def network(self, runner: TrainRunner) -> nn.Module:
        """What is evaluated."""
        return evaluated_network(runner.model, self.weights)

    def measure(self, runner: TrainRunner, done: int) -> None:
        bar = is_main_process() and sys.stderr.isatty()  # in a file it would be thousands of lines
        network = runner.model if self.weights == 'student' else self.network(runner)
        found = {
            name: evaluate(
                network,
                one.loader,
                one.dataset,
                device=runner.device,
                progress=bar,
                dtype=self.dtype,
                stop=lambda: runner.stop_request.signal_number is not None,
            )
            for name, one in self.sets.items()
        }
        state = state_in_words(done, runner.max_iters)
        runner.logger.info(f'{self._title(state)}:\n{self._table(found, done)}')
        values = {name: round(value / 100, 4) for name, value in self._summary(found).items()}
        runner.call_hook('after_record', record=Record('val', done, values))
        if self.best is not None:
            self.best.offer(runner, done, values)

    def _title(self, state: str) -> str:
        """On what, at which size, and which network of the run."""
        sets = [
            f'{one.dataset.split_name}, {len(one.dataset)} images of data.val{"." if name else ""}{name} '
            f'{one.tested_at}'
            for name, one in self.sets.items()
        ]
        return f'Evaluation on {"; ".join(sets)}; {self.weights} at {state}'

    def _table(self, found: Mapping[str, Metrics], done: int) -> str:
        subsets = reported_subsets(self.label_set, self.source)
        rows = {name or f'iteration {done}': metrics for name, metrics in found.items()}
        return class_table(rows, self.label_set, subsets, self.columns, mean=len(rows) > 1)

    def _summary(self, found: Mapping[str, Metrics]) -> dict[str, float]:
        """Everything measured, in percent."""
        return over_sets({name: one.summary(self.label_set, self.source, self.columns) for name, one in found.items()})

    def _metrics(self) -> list[str]:
        """The names of everything that an evaluation measures."""
        nothing = ConfusionMatrix(len(self.label_set.classes)).metrics()
        return list(self._summary(dict.fromkeys(self.sets, nothing)))

    @staticmethod
    def _open_best(runner: TrainRunner, best: BestCheckpoint) -> None:
        best.restore(Path(runner.work_dir))
        if runner.full_cfg.get('uda'):
            runner.logger.warning(
                f'evaluation.save_best={best.metric!r} chooses a checkpoint by the labels of the target. That is '
                'not the protocol of unsupervised adaptation, by which the last iteration counts: report it as chosen.'
            )

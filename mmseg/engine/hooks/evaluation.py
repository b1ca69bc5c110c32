"""Evaluates the student during training."""

import sys
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from torch.utils.data import DataLoader

from mmseg.engine.distributed import broadcast_buffers
from mmseg.engine.hooks.training_log import Record
from mmseg.engine.runner import TrainRunner
from mmseg.evaluation.evaluate import evaluate
from mmseg.evaluation.metrics import reported_subsets
from mmseg.registry import HOOKS
from mmseg.report.table import class_table


@HOOKS.register_module()
class EvaluationHook(Hook):
    """Every ``interval`` iterations, and at the last one: a table in the log, a record for JSON and curves.

    Args:
        loader: test batches of ``dataset``.
        dataset: what to evaluate on (``label_set``, ``split_name``, …).
        interval: iterations between two evaluations.
        source: type of the source data set; Synthia adds the means over its classes.
        dtype: what the network computes in, see :func:`evaluate`.
    """

    priority = 'LOW'

    def __init__(
        self,
        *,
        loader: DataLoader,
        dataset: Any,
        interval: int,
        source: str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.loader = loader
        self.dataset = dataset
        self.interval = interval
        self.source = source
        self.dtype = dtype

    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        done = batch_idx + 1
        if done % self.interval and done != runner.max_iters:
            return
        bar = is_main_process() and sys.stderr.isatty()  # in a file it would be thousands of lines
        broadcast_buffers(runner.student)  # all predict with the network that the first one saves
        metrics = evaluate(
            runner.model, self.loader, self.dataset, device=runner.device, progress=bar, dtype=self.dtype
        )
        label_set = self.dataset.label_set
        table = class_table({f'iteration {done}': metrics}, label_set, reported_subsets(label_set, self.source))
        runner.logger.info(f'Evaluation on {self.dataset.split_name}, {len(self.dataset)} images:\n{table}')
        percents = metrics.summary(label_set, self.source)
        values = {name: round(value / 100, 4) for name, value in percents.items()}
        runner.call_hook('after_record', record=Record('val', done, values))

"""Figures of a target that has no labels."""

import logging
import sys
from typing import Any, NamedTuple

import torch
from mmengine.dist import is_main_process
from torch.utils.data import DataLoader

from mmseg.engine.hooks.periodic import PeriodicMeasurement
from mmseg.engine.hooks.training_log import Record
from mmseg.engine.runner import TrainRunner
from mmseg.evaluation.evaluate import evaluate
from mmseg.evaluation.label_free import NAMES, SOURCE_MIOU, label_free
from mmseg.registry import HOOKS

THRESHOLD = 0.968
"""Confidence that counts as sure, for a method that does not say so itself: that of DACS."""


class Images(NamedTuple):
    """A data set and a loader of it."""

    dataset: Any
    loader: DataLoader


@HOOKS.register_module()
class TargetMonitor(PeriodicMeasurement):
    """Every ``interval`` iterations, and at the last one: how sure the student is of the target, and its source mIoU.

    The record of an evaluation with the names of :func:`label_free`, and ``source_mIoU`` where a part of the source was
    held out. Nothing here looks at a label of the target.

    Args:
        target: images without labels.
        interval: iterations between two looks.
        held_out: labelled source images that training leaves out; None: there are none.
        dtype: what the network computes in.
    """

    def __init__(
        self, *, target: Images, interval: int, held_out: Images | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(interval=interval, logged=NAMES[0])
        self.target = target
        self.held_out = held_out
        self.dtype = dtype

    def measure(self, runner: TrainRunner, done: int) -> None:
        def stop() -> bool:
            return runner.stop_request.signal_number is not None

        found = label_free(
            runner.model,
            self.target.loader,
            device=runner.device,
            threshold=getattr(runner.model, 'pseudo_threshold', None) or THRESHOLD,
            dtype=self.dtype,
            stop=stop,
        )
        if found is None:
            return
        values = {name: round(value, 4) for name, value in found.items()}
        if self.held_out is not None:
            metrics = evaluate(
                runner.model,
                self.held_out.loader,
                self.held_out.dataset,
                device=runner.device,
                progress=is_main_process() and sys.stderr.isatty(),
                dtype=self.dtype,
                stop=stop,
            )
            values[SOURCE_MIOU] = round(metrics.mIoU, 4)
        runner.logger.log(
            logging.INFO, f'Target without labels, {len(self.target.dataset)} images: what the student is sure of.'
        )
        runner.call_hook('after_record', record=Record('val', done, values))

"""The best state of a run by a metric of its evaluation, kept apart from the newest ones (``evaluation.save_best``)."""

import logging
import math
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.logging import print_log

from mmseg.engine.checkpoints.checkpoint_io import damage_of_state
from mmseg.engine.distributed import on_main
from mmseg.engine.runner import TrainRunner
from mmseg.errors import InputError, nearest
from mmseg.evaluation.origin import BEST


class BestCheckpoint:
    """``best_<metric>_iter_N.pth``: the state with the highest value so far, the earlier of two that are equal.

    What the best value is stands in the file itself, so that it survives whatever ends the process.

    Args:
        metric: a name of the evaluation's records, such as 'mIoU'; 'auto' is that one.
        known: all such names.

    Raises:
        InputError: there is no such metric.
    """

    def __init__(self, metric: str, known: list[str]) -> None:
        metric = 'mIoU' if metric == 'auto' else metric
        if metric not in known:
            names = ', '.join(name for name in known if '.' not in name)
            raise InputError(
                f'evaluation.save_best={metric!r} is no metric of the evaluation.{nearest(str(metric), known)} It has '
                f'{names}, and IoU.<class> and Acc.<class> of every class.'
            )
        self.metric = metric
        self._stem = f'best_{re.sub(r"[^A-Za-z0-9.-]", "_", metric)}_iter_'
        self._value = -math.inf

    def restore(self, folder: Path) -> None:
        """Find in ``folder`` what an earlier part of the run has kept."""
        self._value = on_main(lambda: max(map(self._value_in, self._files(folder)), default=-math.inf))

    def offer(self, runner: TrainRunner, done: int, values: Mapping[str, float]) -> None:
        """Keep the state after ``done`` iterations if its value is above all before it. Called by all processes."""
        value = values[self.metric]
        if not value > self._value:  # nor if it is NaN
            return
        self._value = value
        name = f'{self._stem}{done}.pth'
        runner.save_state(name, iteration=done, notes={BEST: {self.metric: value}})
        on_main(lambda: self._delete_others(Path(runner.work_dir, name)))
        runner.logger.info(f'Saved {name}: {self.metric} {value:.4f} is the best so far.')

    def _files(self, folder: Path) -> list[Path]:
        return [path for path in folder.iterdir() if re.fullmatch(rf'{re.escape(self._stem)}\d+\.pth', path.name)]

    def _value_in(self, path: Path) -> float:
        try:
            if (damage := damage_of_state(path)) is None:
                meta = torch.load(path, map_location='cpu', weights_only=True, mmap=True)['meta']
                return float(meta.get(BEST, {}).get(self.metric, -math.inf))
        except Exception as error:  # a whole file that is no state of a run fails anywhere
            damage = f'it holds no state of a run ({type(error).__name__})'
        print_log(f'{path} is damaged, and no longer counts as the best: {damage}.', 'current', logging.WARNING)
        return -math.inf

    def _delete_others(self, best: Path) -> None:
        for path in self._files(best.parent):
            if path.name != best.name:
                path.unlink()

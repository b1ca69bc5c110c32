"""Saves the state of the run."""

import time
from pathlib import Path

from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook

from mmseg.config.values import Count, Positive
from mmseg.engine.checkpoints.checkpoint_io import LATEST, keep_newest, point_latest_to, remove_unfinished
from mmseg.engine.distributed import largest
from mmseg.engine.runner import TrainRunner
from mmseg.registry import HOOKS

#: iterations between two looks at the clock, each of which is a message where there are several processes
CLOCK_INTERVAL = 10


@HOOKS.register_module()
class CheckpointSaver(Hook):
    """Writes ``iter_N.pth`` every ``interval`` iterations, at the last one, and when the run is interrupted.

    It runs after all others but the evaluation: one that fails must not lose the training before it.

    Args:
        interval: iterations between two checkpoints.
        max_keep_ckpts: how many of the newest to keep; -1 keeps all.
        minutes: the longest time without one, however slow iterations are: then ``latest.pth`` alone is replaced,
            which counts as none of the newest. The first process's clock decides. None = no such limit.
        learned_only: leave out the weights that never change, see :mod:`mmseg.models.weights.left_out`; the runner
            does it.
        by_epoch: accepted as False only by the config's readers; training is counted in iterations.
    """

    priority = 'VERY_LOW'

    def __init__(
        self,
        *,
        interval: Count = 1000,
        max_keep_ckpts: int = -1,
        minutes: Positive | None = 30,
        learned_only: bool = False,
        by_epoch: bool = False,
    ) -> None:
        self.interval = interval
        self.max_keep_ckpts = max_keep_ckpts
        self.minutes = minutes
        self.learned_only = learned_only
        self.by_epoch = by_epoch
        self._saved = -1
        self._saved_at = time.monotonic()

    def before_train(self, runner: TrainRunner) -> None:
        self._saved_at = time.monotonic()
        if is_main_process():
            remove_unfinished(Path(runner.work_dir))

    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        done = batch_idx + 1
        if done % self.interval == 0 or done == runner.max_iters:
            self._save(runner, done)
        elif done % CLOCK_INTERVAL == 0 and self._time_is_up():
            self._write(runner, LATEST, done)

    def on_interrupt(self, runner: TrainRunner) -> None:
        """Called by the training loop between two iterations, before it ends at a signal."""
        if self._saved != runner.iter:
            self._save(runner, runner.iter)

    def _save(self, runner: TrainRunner, done: int) -> None:
        name = f'iter_{done}.pth'
        self._write(runner, name, done)
        self._tidy(Path(runner.work_dir), name)

    def _write(self, runner: TrainRunner, name: str, done: int) -> None:
        runner.save_state(name, iteration=done)
        self._saved, self._saved_at = done, time.monotonic()
        runner.logger.info(f'Saved {name}{f" after iteration {done}" if name == LATEST else ""}.')

    def _time_is_up(self) -> bool:
        if self.minutes is None:
            return False
        waited = time.monotonic() - self._saved_at
        return bool(largest(int(is_main_process() and waited >= 60 * self.minutes)))

    @master_only
    def _tidy(self, folder: Path, name: str) -> None:
        point_latest_to(folder / name)
        keep_newest(folder, self.max_keep_ckpts)

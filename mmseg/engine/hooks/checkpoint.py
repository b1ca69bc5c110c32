"""Saves the state of the run."""

from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook

from mmseg.config.values import Count
from mmseg.engine.checkpoint_io import keep_newest, point_latest_to, remove_unfinished
from mmseg.engine.runner import TrainRunner
from mmseg.registry import HOOKS


@HOOKS.register_module()
class CheckpointSaver(Hook):
    """Writes ``iter_N.pth`` every ``interval`` iterations, at the last one, and when the run is interrupted.

    It runs after all others: the evaluation of iteration N is over when N is saved.

    Args:
        interval: iterations between two checkpoints.
        max_keep_ckpts: how many of the newest to keep; -1 keeps all.
        by_epoch: accepted as False only by the config's readers; training is counted in iterations.
    """

    priority = 'LOWEST'

    def __init__(self, *, interval: Count = 1000, max_keep_ckpts: int = -1, by_epoch: bool = False) -> None:
        self.interval = interval
        self.max_keep_ckpts = max_keep_ckpts
        self.by_epoch = by_epoch
        self._saved = -1

    @master_only
    def before_train(self, runner: TrainRunner) -> None:
        remove_unfinished(Path(runner.work_dir))

    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        done = batch_idx + 1
        if done % self.interval == 0 or done == runner.max_iters:
            self._save(runner, done)

    def on_interrupt(self, runner: TrainRunner) -> None:
        """Called by the training loop between two iterations, before it ends at a signal."""
        if self._saved != runner.iter:
            self._save(runner, runner.iter)

    def _save(self, runner: TrainRunner, done: int) -> None:
        name = f'iter_{done}.pth'
        runner.save_state(name, iteration=done)
        self._saved = done
        self._tidy(Path(runner.work_dir), name)
        runner.logger.info(f'Saved {name}.')

    @master_only
    def _tidy(self, folder: Path, name: str) -> None:
        point_latest_to(folder / name)
        keep_newest(folder, self.max_keep_ckpts)

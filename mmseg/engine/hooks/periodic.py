"""What is measured every so many iterations of a run, at its last one, and first where a log lacks it."""

from pathlib import Path

from mmengine.hooks import Hook
from torch import nn

from mmseg.datasets.loader import DataUnusable
from mmseg.engine.distributed import broadcast_buffers, on_main
from mmseg.engine.runner import TrainRunner
from mmseg.errors import InputError
from mmseg.report.logs import read_log
from mmseg.writing import DiskFullError


class PeriodicMeasurement(Hook):
    """Calls :meth:`measure` behind everything else of an iteration, the checkpoint too.

    A run that is resumed where its measurement is missing in the log begins with it. Data that cannot be used any more
    raise :class:`DataUnusable`: the training up to here is saved before it is said.

    Args:
        interval: iterations between two measurements.
        logged: a value by which the log shows that there was one.
    """

    priority = 'LOWEST'

    def __init__(self, *, interval: int, logged: str) -> None:
        self.interval = interval
        self.logged = logged

    def measure(self, runner: TrainRunner, done: int) -> None:
        """Look at the network after ``done`` iterations, and leave a record."""
        raise NotImplementedError

    def network(self, runner: TrainRunner) -> nn.Module:
        """What is looked at."""
        return runner.student

    def before_train(self, runner: TrainRunner) -> None:
        done = runner.iter
        if not done or not self._due(runner, done):
            return
        broadcast_buffers(self.network(runner))  # as after a measurement, which is later than the state of ``done``
        if not on_main(lambda: is_logged(Path(runner.work_dir), done, self.logged)):
            runner.logger.info(f'The evaluation after iteration {done} is missing in the log: it comes first.')
            self._measured(runner, done)

    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        if self._due(runner, batch_idx + 1):
            self._measured(runner, batch_idx + 1)

    def _due(self, runner: TrainRunner, done: int) -> bool:
        return done % self.interval == 0 or done == runner.max_iters

    def _measured(self, runner: TrainRunner, done: int) -> None:
        broadcast_buffers(self.network(runner))  # all predict with the network that the first one saves
        try:
            self.measure(runner, done)
        except DiskFullError:  # no fault of the data, and nothing more can be saved
            raise
        except InputError as error:
            raise DataUnusable(str(error)) from error


def is_logged(work_dir: Path, done: int, name: str) -> bool:
    """Whether the log of a run has the value ``name`` of the evaluation after ``done`` iterations."""
    try:
        return name in read_log(work_dir).val.get(done, {})
    except InputError:  # no log, or none that can be read
        return False

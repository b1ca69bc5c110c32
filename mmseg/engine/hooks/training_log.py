"""Collects what an iteration says and hands it on as one record every N iterations."""

import logging
import sys
import time
from dataclasses import dataclass

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from torch import Tensor

from mmseg.config.values import Count
from mmseg.engine.distributed import mean_values
from mmseg.engine.runner import TrainRunner
from mmseg.registry import HOOKS

#: share of an iteration that waiting for its batch may take before the run points it out
WAITING = 0.1


@dataclass(frozen=True)
class Record:
    """Numbers for the logs, by the names they have there.

    ``mode`` is 'train' or 'val', ``iteration`` counts finished iterations. A training record has ``lr``,
    ``memory`` (MB, peak), ``eta`` (s), ``time`` and ``data_time`` (s an iteration) and what the step returned,
    as means over the iterations since the last record and over all processes. A validation record has fractions in
    0..1, NaN where a metric is undefined.
    """

    mode: str
    iteration: int
    values: dict[str, float]


class Means:
    """Running means of named scalars that stay on their device until they are read."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach().float()
            self.counts[name] = self.counts.get(name, 0) + 1

    def read(self) -> dict[str, float]:
        """The means since the last reading: the only wait for the device, one for all values."""
        if not self.sums:
            return {}
        sums = torch.stack(list(self.sums.values())).tolist()
        means = {name: total / self.counts[name] for name, total in zip(self.sums, sums, strict=True)}
        self.sums, self.counts = {}, {}
        return means

    def state_dict(self) -> dict:
        return {'sums': {name: value.cpu() for name, value in self.sums.items()}, 'counts': dict(self.counts)}

    def load_state_dict(self, state: dict, device: torch.device) -> None:
        self.sums = {name: value.to(device) for name, value in state['sums'].items()}
        self.counts = dict(state['counts'])


@HOOKS.register_module()
class TrainingLog(Hook):
    """Every ``interval`` iterations calls ``after_record(runner, record)`` of all hooks with a training record.

    The sums since the last record are part of a checkpoint, so that a resumed run logs the same means.
    """

    priority = 'BELOW_NORMAL'

    def __init__(self, *, interval: Count = 50) -> None:
        self.interval = interval
        self.means = Means()
        self._times: list[tuple[float, float]] = []
        self._spent, self._iterations = 0.0, 0
        self._warned = False

    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        self.means.add(outputs or {})
        done = batch_idx + 1
        due = done % self.interval == 0 or done == runner.max_iters
        losses = mean_values(self.means.read()) if due else {}  # before the clock is read: the device is done then
        self._times.append((time.perf_counter() - runner.train_loop.started, runner.train_loop.data_time))
        if due:
            runner.call_hook('after_record', record=Record('train', done, self._values(runner, done, losses)))

    def _values(self, runner: TrainRunner, done: int, losses: dict[str, float]) -> dict[str, float]:
        total, waiting = (sum(column) for column in zip(*self._times, strict=True))
        count = len(self._times)
        self._times = []
        if self._iterations and not self._warned and waiting > WAITING * total:  # at first the workers start
            self._warned = True
            print_log(slow_data(waiting / total), 'current', level=logging.WARNING)
        self._spent, self._iterations = self._spent + total, self._iterations + count
        return {
            'lr': runner.optim_wrapper.param_groups[0]['lr'],
            'eta': self._spent / self._iterations * (runner.max_iters - done),
            'time': total / count,
            'data_time': waiting / count,
            'memory': peak_memory(runner.device),
            **losses,
        }

    def before_save_checkpoint(self, runner: TrainRunner, checkpoint: dict) -> None:
        checkpoint['log'] = self.means.state_dict()

    def after_load_checkpoint(self, runner: TrainRunner, checkpoint: dict) -> None:
        if 'log' in checkpoint:
            self.means.load_state_dict(checkpoint['log'], runner.device)


def slow_data(share: float) -> str:
    """What to do about data that the network waits for, for so large a ``share`` of the time."""
    return (
        f'The network waits for its data for {share:.0%} of the time. `python -m tools.cache_dataset CONFIG` stores '
        'the images decoded and at the size of training; where they are cached already, or resized by chance, '
        'data.workers_per_gpu is the number of processes that prepare samples.'
    )


def peak_memory(device: torch.device) -> float:
    """Highest memory use so far in MB: of the GPU if that trains, else of the process."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device) // 2**20
    try:
        import resource  # noqa: PLC0415 (Windows has no such module)
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == 'darwin' else 2**10)  # macOS counts bytes, Linux kilobytes

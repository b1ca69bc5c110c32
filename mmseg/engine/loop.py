"""The training loop."""

import time
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import BaseLoop
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmseg.compiled import begin_step
from mmseg.datasets.batch import to_network
from mmseg.datasets.loader import DataLost, DataUnusable
from mmseg.engine.checkpoints.checkpoint_io import LATEST
from mmseg.engine.distributed import largest
from mmseg.engine.runner import TrainRunner
from mmseg.engine.stop import Interrupted, WorkerGone
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import EvaluationStopped

NO_DATA = 1  # why to stop, where it is no signal; those count from here, so that a signal is the stronger reason


class TrainLoop(BaseLoop):
    """Train by iterations; everything but the step itself is a hook.

    Unlike the engine's loop it never skips data: the loader of a resumed run starts at ``start_iteration``.

    Args:
        runner: the runner whose model is trained.
        dataloader: endless stream of training batches, whose first one is that of ``start_iteration``.
        max_iters: number of iterations of the whole run.
        start_iteration: iterations that are done already.

    Attributes:
        data_time: seconds that the running iteration waited for its batch.
        started: ``time.perf_counter()`` at the start of the running iteration.
    """

    # What the runner asks any loop: all of training is one epoch here.
    epoch = 0
    max_epochs = 1

    def __init__(
        self, runner: TrainRunner, dataloader: DataLoader, *, max_iters: int, start_iteration: int = 0
    ) -> None:
        super().__init__(runner, dataloader)
        self.max_iters = max_iters
        self.iter = start_iteration
        self.started = self.data_time = 0.0
        self.mode = TrainMode(runner.model)
        self._start = start_iteration
        self._lost = ''  # why no training data comes any more
        self._wrong_data = False  # it is what a user can mend
        self._evaluation_stopped = False

    def run(self) -> None:
        """Train until ``max_iters``.

        Raises:
            Interrupted: a signal has asked to stop; the state is saved.
            WorkerGone: data does not come any more; the state is saved.
            InputError: a file of the data cannot be used; the state is saved if anything has been learnt.
        """
        with self.runner.stop_request:
            self._call_hooks('before_train')
            if self.iter >= self.max_iters and not self._evaluation_stopped:
                self.runner.logger.info(f'Nothing to do: all {self.max_iters} iterations are done.')
                return
            batches = iter(self.dataloader)
            while self.iter < self.max_iters:
                batch = self._next(batches)
                self._stop_if_asked()
                self._run_iteration(batch)
            if self._evaluation_stopped:
                self._stop_if_asked()
            self.runner.call_hook('after_train')

    def _next(self, batches: Any) -> Any:
        """The next batch as it comes from the loader; None, with ``_lost`` set, where it does not come."""
        begin_step()
        self.started = time.perf_counter()
        try:
            return next(batches)
        except DataLost as error:
            self._lost = str(error)
        except InputError as error:
            if self.iter == self._start:
                raise
            self._lost, self._wrong_data = str(error), True
        return None

    def _run_iteration(self, batch: Any) -> None:
        self.mode.set()
        batch = to_network(to_device(batch, self.runner.device))
        self.data_time = time.perf_counter() - self.started
        self.runner.call_hook('before_train_iter', batch_idx=self.iter, data_batch=batch)
        outputs = self.runner.model.train_step(batch, optim_wrapper=self.runner.optim_wrapper)
        self._call_hooks('after_train_iter', batch_idx=self.iter, data_batch=batch, outputs=outputs)
        self.iter += 1

    def _call_hooks(self, point: str, **arguments: Any) -> None:
        """Call hooks of which the last one evaluates: what keeps it from that is looked at next."""
        try:
            self.runner.call_hook(point, **arguments)
        except EvaluationStopped:
            self._evaluation_stopped = True
        except DataLost as error:
            self._evaluation_stopped, self._lost = True, str(error)
            self._wrong_data = isinstance(error, DataUnusable)

    def _stop_if_asked(self) -> None:
        """Save the state and stop where a signal has reached any process, or where one has no data any more."""
        signal_number = self.runner.stop_request.signal_number or 0
        reason = largest(signal_number + NO_DATA if signal_number else NO_DATA * bool(self._lost))
        if not reason:
            return
        if self.iter:  # a state in which nothing has been learnt would only keep the same command from starting anew
            self.runner.call_hook('on_interrupt')
        end = f'after iteration {self.iter} of {self.max_iters}; {self._how_to_go_on()}'
        if reason == NO_DATA and self._wrong_data:
            raise InputError(f'{self._lost} This ended the run {end}')
        if reason == NO_DATA:
            raise WorkerGone(f'{self._lost or "Another process of this run has no data any more"}, {end}')
        raise Interrupted(f'Stopped by signal {reason - NO_DATA} {end}', signal_number=reason - NO_DATA)

    def _how_to_go_on(self) -> str:
        work_dir = self.runner.work_dir
        if Path(work_dir, LATEST).is_file():
            return f'the state is saved. Go on with: python run_experiments.py --resume {work_dir}'
        if not self.iter:
            return 'nothing has been learnt, and nothing is saved: give the same command again.'
        return 'no state is saved (checkpoint_config=None).'


class TrainMode:
    """Train mode of a model and all its parts, kept through iterations.

    ``model.train()`` in every one of them would walk through thousands of modules for nothing: 14 ms for three
    networks of a MiT-B5. Only what an evaluation, or a hook, has changed in between makes it necessary.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._modes: list[tuple[nn.Module, bool]] = []

    def set(self) -> None:
        """Put the model into train mode, if any of its modules is not in the mode in which that has left it."""
        if self._modes and all(module.training is mode for module, mode in self._modes):
            return
        self.model.train()
        self._modes = [(module, module.training) for module in self.model.modules()]


def to_device(batch: Any, device: torch.device) -> Any:
    """Move every tensor of nested dicts and lists to ``device``."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, list) and batch and isinstance(batch[0], Tensor):
        return [to_device(value, device) for value in batch]
    return batch

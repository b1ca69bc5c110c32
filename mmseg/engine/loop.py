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
from mmseg.engine.checkpoint_io import LATEST
from mmseg.engine.distributed import largest
from mmseg.engine.runner import TrainRunner
from mmseg.engine.stop import Interrupted, StopRequest


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

    def run(self) -> None:
        """Train until ``max_iters``, or until a signal asks to stop: then save, and raise :class:`Interrupted`."""
        self.runner.call_hook('before_train')
        if self.iter >= self.max_iters:
            self.runner.logger.info(f'Nothing to do: all {self.max_iters} iterations are done.')
            return
        with StopRequest() as request:
            batches = iter(self.dataloader)
            while self.iter < self.max_iters:
                self._run_iteration(batches)
                signal_number = largest(request.signal_number or 0)  # whichever process it reached
                if signal_number:
                    self._stop(signal_number)
        self.runner.call_hook('after_train')

    def _run_iteration(self, batches: Any) -> None:
        begin_step()
        self.started = time.perf_counter()
        self.mode.set()
        batch = to_network(to_device(next(batches), self.runner.device))
        self.data_time = time.perf_counter() - self.started
        self.runner.call_hook('before_train_iter', batch_idx=self.iter, data_batch=batch)
        outputs = self.runner.model.train_step(batch, optim_wrapper=self.runner.optim_wrapper)
        self.runner.call_hook('after_train_iter', batch_idx=self.iter, data_batch=batch, outputs=outputs)
        self.iter += 1

    def _stop(self, signal_number: int) -> None:
        self.runner.call_hook('on_interrupt')
        work_dir = self.runner.work_dir
        saved = Path(work_dir, LATEST).is_file()
        remedy = f'the state is saved. Go on with: python run_experiments.py --resume {work_dir}'
        raise Interrupted(
            f'Stopped by signal {signal_number} after iteration {self.iter} of {self.max_iters}; '
            f'{remedy if saved else "no state is saved (checkpoint_config=None)."}',
            signal_number=signal_number,
        )


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

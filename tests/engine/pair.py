"""Two gloo processes for tests, forked from a server that has imported everything: the first pair waits for it."""

import multiprocessing
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from mmengine import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from torch import nn

from mmseg.engine import distributed
from mmseg.engine.gradient_exchange import GradientExchange
from mmseg.engine.hooks.non_finite import files_of
from mmseg.engine.processes import run_processes
from mmseg.engine.stop import TrainingStopped
from mmseg.engine.train import build_runner, train
from mmseg.errors import InputError
from mmseg.models.backbones.timm_backbone import TimmBackbone
from mmseg.registry import HOOKS
from tests.engine.tiny import KillAt


def run_pair(work: Callable[..., int], *args: Any, start_method: str = 'forkserver') -> int:
    """``work(*args)`` in two processes, as ``--gpus 2`` runs it; the exit code. GPUs need ``spawn``."""
    multiprocessing.set_forkserver_preload([__name__])
    return run_processes(work, 2, *args, start_method=start_method)


@torch.no_grad()
def average_each(exchange: GradientExchange) -> None:
    """What :class:`GradientExchange` does, without messages and without haste."""
    for parameter in exchange.parameters:
        if distributed.largest(parameter.grad is not None):
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            torch.distributed.all_reduce(parameter.grad)
            parameter.grad /= 2


PLAIN = {'going_back': lambda *_, **__: nullcontext(), 'finish': average_each}


def train_in_turn(runs: list[tuple[Config, dict]], answers: Path) -> int:
    """Train runs one after another, with the arguments of :func:`train`; how each ended goes to a file a process.

    A run with ``sabotage`` in its config trains without averaging gradients; one with ``plain_exchange`` averages each
    by itself, behind the last way back.
    """
    torch.set_num_threads(1)
    distributed.join_processes()
    mean = distributed.begin_mean
    ends = []
    for cfg, arguments in runs:
        distributed.begin_mean = (lambda message: lambda: None) if cfg.get('sabotage') else mean
        try:
            with patch.multiple(GradientExchange, **PLAIN) if cfg.get('plain_exchange') else nullcontext():
                train(cfg, **arguments)
            ends.append('')
        except (TrainingStopped, InputError) as error:
            ends.append(f'{type(error).__name__}: {error}')
    torch.save(ends, answers.with_suffix(f'.{get_rank()}'))
    return 0


def weights_at_start(cfg: Config, answers: Path) -> int:
    """Write the state that each process would begin to train with; the second one has read its file wrongly."""
    torch.set_num_threads(1)
    distributed.join_processes()
    load = TimmBackbone.load_file
    if get_rank() == 1:
        TimmBackbone.load_file = lambda backbone, path: (load(backbone, path), _spoil(backbone))  # type: ignore[assignment]
    runner = build_runner(cfg)
    torch.save(runner.model.state_dict(), answers.with_suffix(f'.{get_rank()}'))
    runner.close()
    return 0


@torch.no_grad()
def _spoil(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.add_(1)


@HOOKS.register_module()
class Recorder(Hook):
    """Writes ``recorded_RANK.pt``: the gradients of every step as the optimizer sees them, losses, images, state."""

    def before_train(self, runner: Any) -> None:
        self.names = {id(parameter): name for name, parameter in runner.model.named_parameters()}
        self.gradients: list[dict] = []
        self.files: list[list[str]] = []
        self.losses: list[float] = []
        runner.optim_wrapper.optimizer.register_step_pre_hook(self.record)

    def record(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        parameters = [parameter for group in optimizer.param_groups for parameter in group['params']]
        self.gradients.append({self.names[id(p)]: p.grad.clone() for p in parameters if p.grad is not None})

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: dict | None = None) -> None:
        self.files.append(files_of(data_batch or {}))

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        self.losses.append((outputs or {})['loss'].item())

    def after_train(self, runner: Any) -> None:
        made = {'gradients': self.gradients, 'files': self.files, 'losses': self.losses}
        torch.save(made | {'state': runner.model.state_dict()}, Path(runner.work_dir, f'recorded_{get_rank()}.pt'))


@HOOKS.register_module()
class KillSecondAt(KillAt):
    """As :class:`KillAt`, in the second process alone."""

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        if get_rank() == 1:
            super().after_train_iter(runner, *args, **kwargs)


@HOOKS.register_module()
class PoisonSecond(Hook):
    """The second process gets a batch that is no number."""

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: dict | None = None) -> None:
        if get_rank() == 1 and batch_idx == 2 and data_batch is not None:
            data_batch['img'].fill_(float('nan'))


@HOOKS.register_module()
class SpoilBufferOfSecond(Hook):
    """A statistic of the second process, which it alone has, becomes infinite; no loss of training shows it."""

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        if get_rank() == 1:
            runner.model.backbone[1].running_mean.fill_(float('inf'))

"""Whether optimizer and schedule of a config can be built, before any file is read or written."""

import torch
from mmengine import Config
from torch import nn

from mmseg.config.components import told_with_place
from mmseg.engine.optim import build_optimizer, clipping
from mmseg.engine.schedule import build_schedule
from mmseg.errors import InputError

#: how it works on a GPU, and with which parameters of a network
ELSEWHERE = {'fused', 'foreach', 'capturable', 'paramwise_cfg'}


def check_learning(cfg: Config, network: nn.Module) -> None:
    """Build what ``optimizer``, ``optimizer_config`` and ``lr_config`` describe, for a network without memory.

    Raises:
        InputError: an unknown name, or a value that is not taken.
    """
    build_schedule(cfg.get('lr_config'), cfg.runner.max_iters)
    clipping(cfg.get('optimizer_config'))
    build_optimizer(network, cfg.optimizer)
    try_steps(cfg.optimizer)


def try_steps(optimizer: dict) -> None:
    """Let the optimizer move one small matrix twice: some are built and cannot step, or leave no numbers.

    Raises:
        InputError: with what it says.
    """
    here = {key: value for key, value in optimizer.items() if key not in ELSEWHERE}
    with torch.device('cpu'):
        weight = nn.Parameter(torch.ones(2, 2))
        made = build_optimizer(nn.ParameterList([weight]), here)
        for _ in range(2):
            weight.grad = torch.ones(2, 2)
            told_with_place(f'optimizer {optimizer["type"]} cannot step', made.step)
    if not weight.isfinite().all():
        raise InputError(
            f'optimizer {optimizer["type"]}: two steps along a gradient of 1 leave no numbers. Is a value too large?'
        )

"""Whether optimizer and schedule of a config can be built, before any file is read or written."""

from mmengine import Config
from torch import nn

from mmseg.engine.optim import build_optimizer, clipping
from mmseg.engine.schedule import build_schedule


def check_learning(cfg: Config, network: nn.Module) -> None:
    """Build what ``optimizer``, ``optimizer_config`` and ``lr_config`` describe, for a network without memory.

    Raises:
        InputError: an unknown name, or a value that is not taken.
    """
    build_schedule(cfg.get('lr_config'), cfg.runner.max_iters)
    clipping(cfg.get('optimizer_config'))
    build_optimizer(network, cfg.optimizer)

"""Keeps what a run has decided by itself."""

from typing import Any

import torch
from mmengine import Config
from mmengine.hooks import Hook

from mmseg.engine.distributed import gather
from mmseg.engine.provenance import saved_config
from mmseg.engine.runner import TrainRunner
from mmseg.registry import HOOKS

LEFT_OPEN = 'auto'
#: what a method decides in its ``settle``, by names in its config; a config that does not say one leaves it open
CHOICES = ('fuse_forward',)


@HOOKS.register_module()
class SettledChoices(Hook):
    """Before the first step, what depends on the machine is decided, alike in all processes, and saved in the config.

    A run that is resumed elsewhere then goes on as it began: its random draws do not depend on the card.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._settled = False

    def before_train_iter(self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None) -> None:
        if self._settled or not hasattr(runner.model, 'settle'):
            return
        self._settled = True
        found = gather(runner.model.settle(data_batch, getattr(runner.optim_wrapper, 'dtype', torch.float32)))
        for name in found[0]:
            chosen = all(one[name] for one in found)
            setattr(runner.model, name, chosen)
            if runner.full_cfg.uda.get(name, LEFT_OPEN) == LEFT_OPEN:
                runner.full_cfg.uda[name] = chosen
                runner.write_records()


def keep_choices(cfg: Config, state: dict[str, Any]) -> None:
    """Let a run that goes on from ``state`` keep what it had decided where ``cfg`` leaves it open."""
    before = (saved_config(state['meta'].get('config')) or {}).get('uda')
    if not isinstance(before, dict):
        return
    for name in CHOICES:
        chosen = before.get(name)
        if isinstance(chosen, bool) and cfg.get('uda') and cfg.uda.get(name, LEFT_OPEN) == LEFT_OPEN:
            cfg.uda[name] = chosen

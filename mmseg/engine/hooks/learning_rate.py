"""Sets the learning rate of every iteration."""

from mmengine.hooks import Hook

from mmseg.engine.runner import TrainRunner
from mmseg.engine.schedule import LearningRate
from mmseg.registry import HOOKS


@HOOKS.register_module()
class LearningRateHook(Hook):
    """Before iteration t every parameter group gets ``schedule(t, base)``; ``base`` is the group's 'initial_lr'."""

    priority = 'VERY_HIGH'

    def __init__(self, *, schedule: LearningRate) -> None:
        self.schedule = schedule

    def before_train_iter(self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None) -> None:
        for group in runner.optim_wrapper.param_groups:
            group['lr'] = self.schedule(batch_idx, group['initial_lr'])

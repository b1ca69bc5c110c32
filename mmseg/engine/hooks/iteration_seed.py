"""Seeds chance anew before every iteration."""

from mmengine.dist import get_rank
from mmengine.hooks import Hook

from mmseg.engine.chance import seed_everything
from mmseg.engine.runner import TrainRunner
from mmseg.registry import HOOKS


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Global generators before iteration t are a function of (seed, t, rank), whatever ran before.

    So a resumed run continues the streams of the one that stopped, and an evaluation in between shifts nothing.
    """

    priority = 'HIGHEST'

    def __init__(self, *, seed: int) -> None:
        self.seed = seed

    def before_train_iter(self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None) -> None:
        seed_everything(self.seed, batch_idx, get_rank())

"""Points out pseudo-labels that never count."""

from mmengine.hooks import Hook

from mmseg.engine.runner import TrainRunner
from mmseg.registry import HOOKS

PATIENCE = 500


@HOOKS.register_module()
class PseudoWeightWatch(Hook):
    """One warning when the weight of all pseudo-labels has been 0 for 500 iterations: nothing is learnt of the target.

    Methods that have pseudo-labels add up their weights in ``pseudo_weight_sum``, on the device; it is read here.

    Args:
        interval: iterations between two looks, each of which waits for the device: those of the log.
    """

    def __init__(self, *, interval: int = 50) -> None:
        self.interval = interval
        self.since: int | None = None
        self.told = False

    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        done = batch_idx + 1
        if self.since is None:
            self.since = batch_idx
        total = getattr(runner.model, 'pseudo_weight_sum', None)
        if self.told or total is None or done % self.interval:
            return
        runner.model.pseudo_weight_sum = None
        if float(total) > 0:
            self.since = done
        elif done - self.since >= PATIENCE:
            self.told = True
            runner.logger.warning(
                f'No pseudo-label has had a weight above 0 for {done - self.since} iterations: no pixel is as sure as '
                'uda.pseudo_threshold asks, or none may count, so nothing is learnt of the target.'
            )

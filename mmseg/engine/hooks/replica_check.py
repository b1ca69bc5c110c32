"""Makes sure that all processes train the same network."""

from mmengine.hooks import Hook

from mmseg.config.values import Count
from mmseg.engine.distributed import differences
from mmseg.engine.runner import TrainRunner
from mmseg.engine.stop import ReplicasDiffer
from mmseg.registry import HOOKS


@HOOKS.register_module()
class ReplicaCheck(Hook):
    """Compares the weights of student and teacher with those of the first process, bit for bit.

    After the first iteration, every ``interval`` iterations, and before anything is saved. Without an exchange of
    gradients every process trains a network of its own on its share of the data, and nothing else would show it:
    losses fall and checkpoints load. Buffers are not compared, each process has statistics of its own.
    """

    priority = 'VERY_HIGH'

    def __init__(self, *, interval: Count = 500) -> None:
        self.interval = interval
        self._compared = False

    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        if not self._compared or (batch_idx + 1) % self.interval == 0:
            self._compare(runner, batch_idx + 1)

    def before_save_checkpoint(self, runner: TrainRunner, checkpoint: dict) -> None:
        self._compare(runner, checkpoint['meta']['iter'])

    def _compare(self, runner: TrainRunner, done: int) -> None:
        self._compared = True
        found = differences(runner.model.named_parameters())
        ranks = [rank for rank, names in enumerate(found) if names]
        if not ranks:
            return
        names = found[ranks[0]]
        total = sum(1 for _ in runner.model.parameters())
        raise ReplicasDiffer(
            f'After iteration {done} the networks of the processes differ, first {names[0]}: {len(names)} of {total} '
            f'tensors of process {ranks[0]} are not those of process 0. This state was not saved. Either the gradients '
            'were not averaged over the processes before a step, or one process alone has changed its weights.'
        )

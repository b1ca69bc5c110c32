"""Ends a run whose loss or state is no number, before its good checkpoints are replaced."""

from collections import deque
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.hooks import Hook
from torch import Tensor

from mmseg.config.values import Count
from mmseg.engine.checkpoints.checkpoint_io import tensors_of
from mmseg.engine.distributed import gather
from mmseg.engine.hooks.training_log import Record
from mmseg.engine.runner import TrainRunner
from mmseg.engine.stop import NonFiniteLoss, NonFiniteState
from mmseg.models.finite import NamedTensors, not_finite
from mmseg.registry import HOOKS

STATE_FILE = 'non_finite.pth'
LISTED = 4


class Finding(NamedTuple):
    """The first iteration (from 0) with a value that is no number, what the step returned there, on which images."""

    iteration: int
    values: str
    files: list[str]


@HOOKS.register_module()
class NonFiniteStop(Hook):
    """Remembers on the device the first iteration with a NaN or infinite value, and stops the run there.

    The device is asked only when a record or a checkpoint is due, so iterations stay free of waiting. Losses are
    from before the step of their iteration: what the step made of the weights is looked at before a checkpoint is
    written or deleted, and at the end of training. The state is then saved as ``non_finite.pth``, to be looked into;
    ``latest.pth`` remains the last good one.
    """

    priority = 'VERY_HIGH'

    def __init__(self, *, remembered_batches: Count = 1000) -> None:
        self._first: Tensor | None = None  # number of the first such iteration, or -1
        self._at_first = torch.empty(0)  # what the step returned there, by _names
        self._names: list[str] = []
        self._files: deque[tuple[int, list[str]]] = deque(maxlen=remembered_batches)
        self._found_already = False

    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        if not outputs:
            return
        self._files.append((batch_idx, files_of(data_batch or {})))
        names = list(outputs)
        values = torch.stack([value.detach().float() for value in outputs.values()])
        here = torch.where(values.isfinite().all(), -1, batch_idx)
        if self._first is not None and names == self._names:
            earlier = self._first >= 0
            self._at_first = torch.where(earlier, self._at_first, values)
            self._first = torch.where(earlier, self._first, here)
        elif self._first is None or int(self._first) < 0:  # the step returned other names: rare enough to wait
            self._first, self._at_first, self._names = here, values, names

    def after_record(self, runner: TrainRunner, record: Record) -> None:
        """Called with every :class:`Record`."""
        if record.mode == 'train':
            self._check(runner, record.iteration)

    def before_save_checkpoint(self, runner: TrainRunner, checkpoint: dict) -> None:
        self._check(runner, checkpoint['meta']['iter'])
        self._check_state(runner, tensors_of(checkpoint), checkpoint['meta']['iter'])

    def after_train(self, runner: TrainRunner) -> None:
        """Nothing is saved at the end without a ``checkpoint_config``; weights of no use are no success then either."""
        self._check_state(runner, runner.model.state_dict().items(), runner.iter)

    def _found(self) -> 'Finding | None':
        first = -1 if self._first is None else int(self._first)
        if first < 0:
            return None
        values = ', '.join(f'{n} {v:g}' for n, v in zip(self._names, self._at_first.tolist(), strict=True))
        return Finding(first, values, next((names for iteration, names in self._files if iteration == first), []))

    def _check(self, runner: TrainRunner, done: int) -> None:
        found = min(filter(None, gather(self._found())), default=None)  # the earliest of all processes
        if found is None:
            return
        raise NonFiniteLoss(
            f'The loss is not finite from iteration {found.iteration + 1} on: {found.values}. '
            f'Images of that iteration: {", ".join(found.files) or "not known"}. {self._keep(runner, done)}'
        )

    def _check_state(self, runner: TrainRunner, named: NamedTensors, done: int) -> None:
        if self._found_already:
            return
        names = next(filter(None, gather(not_finite(named))), None)  # of the first process that has any
        if names is None:
            return
        more = f' and {len(names) - LISTED} more' if len(names) > LISTED else ''
        raise NonFiniteState(
            f'The state is not finite after iteration {done}, though the losses up to there were: '
            f'{", ".join(names[:LISTED])}{more}. {self._keep(runner, done)}'
        )

    def _keep(self, runner: TrainRunner, done: int) -> str:
        """Save the state for the eyes of people; where it is, and what helps."""
        self._first, self._found_already = None, True
        runner.save_state(STATE_FILE, iteration=done)
        return (
            f'The state is in {Path(runner.work_dir) / STATE_FILE}, to be looked into; earlier checkpoints are as they '
            'were. A lower learning rate, a longer warm-up, optimizer_config.grad_clip or precision=fp32 are the usual '
            'remedies.'
        )


def files_of(batch: dict) -> list[str]:
    """Names of the image files in a batch."""
    metas = [meta for key in ('img_metas', 'target_img_metas') for meta in batch.get(key, ())]
    return [str(meta['filename']) for meta in metas if 'filename' in meta]

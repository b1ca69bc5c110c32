"""Draws what a UDA step made of its images."""

from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook

from mmseg.datasets.label_sets import LabelSet
from mmseg.engine.runner import TrainRunner
from mmseg.registry import HOOKS

FOLDER = 'class_mix_debug'


@HOOKS.register_module()
class DebugFigures(Hook):
    """One picture in ``class_mix_debug/`` for every step whose images the method kept (``last_step``)."""

    priority = 65

    def __init__(self, *, label_set: LabelSet) -> None:
        self.label_set = label_set
        self._drawn: object = None

    @master_only
    def after_train_iter(
        self, runner: TrainRunner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        step = getattr(runner.model, 'last_step', None)
        if step is None or step is self._drawn:
            return
        from mmseg.report.figures import debug_panel  # noqa: PLC0415 (matplotlib is slow to import)

        self._drawn = step
        debug_panel(step, self.label_set, Path(runner.work_dir, FOLDER, f'{batch_idx + 1:06d}.png'))

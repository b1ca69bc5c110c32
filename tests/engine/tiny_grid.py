"""Configs of tiny runs that other processes can read."""

import json
import time
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook

from mmseg.registry import HOOKS
from tests.engine.tiny import tiny_config


@HOOKS.register_module()
class Pace(Hook):
    """Makes every iteration ``seconds`` longer, so that a test can step in."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        time.sleep(self.seconds)


def tiny_run(name: str, *, exp: str = 'tiny', **options: Any) -> dict[str, Any]:
    """The config of a tiny run that other processes understand; ``options`` as of :func:`tiny_config`."""
    cfg = tiny_config('', **options).to_dict()
    cfg.pop('work_dir')
    return cfg | {
        'name': name,
        'exp': exp,
        'custom_imports': {'imports': ['tests.engine.tiny', 'tests.engine.tiny_grid']},
    }


def write_config(folder: Path, name: str, **options: Any) -> Path:
    """:func:`tiny_run` as a file."""
    path = folder / f'{name}.json'
    path.write_text(json.dumps(tiny_run(name, **options)))
    return path

"""Where curves go: the engine's visualizer backends, by the names that configs of mmseg 0.16 have for them."""

import importlib.util
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.visualization.vis_backend import (
    BaseVisBackend,
    MLflowVisBackend,
    TensorboardVisBackend,
    WandbVisBackend,
    force_init_env,
)

from mmseg.config.components import told_with_place
from mmseg.engine.provenance import config_text
from mmseg.errors import InputError, full_disk
from mmseg.registry import check_arguments
from mmseg.writing import naming_full_disk

# Arguments of the old hooks without a meaning here: log_config.interval counts for all, in iterations.
DROPPED = {
    'type', 'by_epoch', 'interval', 'ignore_last', 'reset_flag', 'with_step', 'log_artifact', 'out_suffix', 'log_model',
}  # fmt: skip


class TensorboardBackend(TensorboardVisBackend):
    """TensorBoard. Its files are written by a thread, whose error comes out at the next record or at the end."""

    def _init_env(self) -> None:
        threading.excepthook = _tell_unless_full
        with naming_full_disk(Path(self._save_dir)):
            super()._init_env()

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        with naming_full_disk(Path(self._save_dir)):
            super().add_scalars(scalar_dict, step, file_path, **kwargs)

    def close(self) -> None:
        with naming_full_disk(Path(self._save_dir)):
            super().close()


def _tell_unless_full(event: threading.ExceptHookArgs) -> None:
    """What Python says of a thread that failed, except where the main thread says it: a full disk, a folder gone."""
    if full_disk(event.exc_value) is None and not isinstance(event.exc_value, FileNotFoundError):
        threading.__excepthook__(event)


class WandbBackend(WandbVisBackend):
    """Weights & Biases, with the iteration as step; no source code is uploaded."""

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._wandb.config.update(config.to_dict(), allow_val_change=True)

    @force_init_env
    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        self._wandb.log(scalar_dict, step=step)

    def close(self) -> None:
        if hasattr(self, '_wandb'):
            self._wandb.finish()


class MLflowBackend(MLflowVisBackend):
    """MLflow: the config as one file, and as parameters only what runs are sorted by (MLflow limits their number)."""

    @force_init_env
    def add_config(self, config: Config, **kwargs: Any) -> None:
        self.cfg = config
        uda = config.get('uda') or {}
        parameters = {
            'name': config.get('name'),
            'seed': config.get('seed'),
            'uda': uda.get('type'),
            'max_iters': config.runner.max_iters,
            'lr': config.optimizer.get('lr'),
        }
        self._mlflow.log_params({key: value for key, value in parameters.items() if value is not None})
        self._mlflow.log_text(config_text(config), 'config.json')

    def close(self) -> None:
        if hasattr(self, 'cfg'):  # else nothing was written, or it is closed already
            super().close()
            del self.cfg


@dataclass(frozen=True)
class Tracker:
    """A backend, the package that it needs, and its names for arguments of the old hook."""

    backend: type[BaseVisBackend]
    package: str
    renamed: dict[str, str] = field(default_factory=dict)


# By the name in log_config.hooks.
TRACKERS = {
    'TensorboardLoggerHook': Tracker(TensorboardBackend, 'tensorboard', {'log_dir': 'save_dir'}),
    'WandbLoggerHook': Tracker(WandbBackend, 'wandb'),
    'MlflowLoggerHook': Tracker(MLflowBackend, 'mlflow', {'uri': 'tracking_uri'}),
}


def vis_backend(cfg: dict, work_dir: Path) -> dict:
    """Config of the engine's backend for one entry of ``log_config.hooks``.

    Raises:
        InputError: the package it needs is not installed, or it has no such argument.
    """
    hook = cfg['type']
    tracker = TRACKERS[hook]
    if importlib.util.find_spec(tracker.package) is None:
        raise InputError(
            f'log_config.hooks: {hook} needs the package {tracker.package!r}: `pip install {tracker.package}`, '
            'or leave this entry out of the config.'
        )
    given = {tracker.renamed.get(key, key): value for key, value in cfg.items() if key not in DROPPED}
    told_with_place(f'log_config.hooks: {hook}', lambda: check_arguments(tracker.backend, given))
    if hook == 'WandbLoggerHook':
        given['init_kwargs'] = {'project': 'mmseg', 'name': work_dir.resolve().name} | dict(
            given.get('init_kwargs') or {}
        )
    if hook == 'MlflowLoggerHook':
        given = {'run_name': work_dir.resolve().name, **_mlflow_store(work_dir), **given}
    folder = 'tf_logs' if hook == 'TensorboardLoggerHook' else ''
    return {'type': tracker.backend, 'save_dir': str(work_dir / folder), **given}


def _mlflow_store(work_dir: Path) -> dict[str, str]:
    """The server that the environment names, else a data base beside the work directory, shared by those there."""
    if 'MLFLOW_TRACKING_URI' in os.environ:
        return {'tracking_uri': os.environ['MLFLOW_TRACKING_URI']}
    folder = work_dir.resolve().parent
    return {'tracking_uri': f'sqlite:///{folder / "mlflow.db"}', 'artifact_location': (folder / 'mlruns').as_uri()}

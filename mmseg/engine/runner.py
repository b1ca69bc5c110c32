"""The engine's Runner, with our model already built, our loop and our files."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from mmseg import screen
from mmseg.engine.checkpoints.checkpoint_io import save_atomically
from mmseg.engine.checkpoints.optimizer_state import lacks_moments, with_settings_of
from mmseg.engine.checkpoints.rank_state import add_own_parts, take_own_part
from mmseg.engine.checkpoints.resume_check import Change
from mmseg.engine.distributed import broadcast_module, on_main
from mmseg.engine.lock import WorkDirLock
from mmseg.engine.log_file import guard_log_files
from mmseg.engine.provenance import config_text, write_provenance
from mmseg.engine.stop import StopRequest
from mmseg.engine.work_dir import gone
from mmseg.errors import InputError
from mmseg.models.networks import student_network
from mmseg.models.weights import of_other_kind
from mmseg.models.weights.left_out import KEY as LEFT_OUT
from mmseg.models.weights.left_out import LeftOut, completed
from mmseg.places import make_folder

ENGINE_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')


class TrainRunner(Runner):
    """Training of a segmentor or a UDA method.

    What differs from the engine's: parts come in built, so that every mistake in a config is found before a
    folder is made; logs lie in the work directory itself; no hook reads a loss from the device at every
    iteration; a checkpoint is a plain dict that loads with ``weights_only=True``.

    Args:
        model: with ``train_step(data, optim_wrapper)``; is moved to ``device``.
        device: where to train.
        work_dir: folder of the run, made if absent.
        cfg: the complete config, for the records.
        seed: the run's seed, for the records.
        environment: see :func:`mmseg.engine.provenance.environment`.
        dataset_meta: 'CLASSES', 'PALETTE' and 'images' (:func:`image_lists`), for the checkpoints.
        loader: the training loader.
        loop: config of the loop.
        optim_wrapper: around the optimizer of ``model``.
        hooks: all hooks of the run.
        vis_backends: configs of the engine's visualizer backends.
        env_cfg: the engine's settings of the process.
        left_out: what checkpoints leave out; None for nothing.
        launcher: 'none', or 'pytorch' for one of several processes.
        lock: of the work directory, held by the first process.

    Attributes:
        changes: of settings that a user allowed when the run was resumed, for the checkpoints: the iteration, and
            each setting as it was and as it is from there on.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        device: torch.device,
        work_dir: Path,
        cfg: Config,
        seed: int,
        environment: dict[str, str],
        dataset_meta: dict[str, Any],
        loader: DataLoader,
        loop: dict,
        optim_wrapper: OptimWrapper,
        hooks: list[Hook],
        vis_backends: list[dict],
        env_cfg: dict,
        left_out: LeftOut | None,
        launcher: str,
        lock: WorkDirLock,
    ) -> None:
        self.device = device
        self.full_cfg = cfg
        self.environment = environment
        self.changes: list[dict[str, Any]] = []
        self._dataset_meta = dataset_meta
        self._lock = lock
        self._left_out = left_out
        self.stop_request = StopRequest()
        super().__init__(
            model,
            str(work_dir),
            train_dataloader=loader,
            train_cfg=loop,
            optim_wrapper=optim_wrapper,
            default_hooks=dict.fromkeys(ENGINE_HOOKS),
            custom_hooks=hooks,
            launcher=launcher,
            env_cfg=env_cfg,
            log_level=cfg.get('log_level', 'INFO'),
            visualizer={'type': 'Visualizer', 'vis_backends': vis_backends},
            randomness={'seed': seed},
            # The engine keeps loggers and visualizers by this name for the life of the process.
            experiment_name=f'{Path(work_dir).name}_{time.time_ns()}',
        )

    def save_state(self, name: str, *, iteration: int, notes: Mapping[str, Any] | None = None) -> None:
        """Save everything that training goes on from, after ``iteration`` finished iterations, with ``notes``.

        Hooks may add to the state, or refuse it, in ``before_save_checkpoint``. Called by all processes; the
        first one writes, the others wait until the file is whole.
        """
        meta = {
            'iter': iteration,
            'epoch': 1,
            'seed': self.seed,
            'processes': get_world_size(),
            'config': config_text(self.full_cfg),
            'env_info': self.environment,
            'time': time.strftime('%Y-%m-%d %H:%M:%S'),
            'exp_name': Path(self.work_dir).resolve().name,
            'changes': self.changes,
            **self._dataset_meta,
            **(notes or {}),
        }
        state = {'meta': meta, 'state_dict': self.model.state_dict(), 'optimizer': self.optim_wrapper.state_dict()}
        self.call_hook('before_save_checkpoint', checkpoint=state)
        gradients_wait = iteration % self.full_cfg.get('accumulate', 1) != 0
        add_own_parts(state, self.model, gradients_wait=gradients_wait)
        if self._left_out is not None:
            meta[LEFT_OUT] = self._left_out.note
            state['state_dict'] = self._left_out.reduced(state['state_dict'])
        on_main(lambda: self._write_state(state, Path(self.work_dir, name)))

    def _write_state(self, state: dict[str, Any], path: Path) -> None:
        """Save ``state``, where its folder is gone in a new one."""
        if not path.parent.is_dir():
            self.logger.warning(
                f'{gone(path.parent)}. {path.name} begins a new one, without the earlier checkpoints and logs.'
            )
            make_folder(path.parent)
            self.write_records()
        save_atomically(state, path)

    def load_state(self, state: dict[str, Any], source: Path, *, changes: Sequence[Change] = ()) -> None:
        """Take over what :meth:`save_state` wrote to ``source``; with ``changes``, the optimizer's settings are ours.

        Raises:
            InputError: the state belongs to another network or optimizer.
        """
        state = take_own_part(state)
        meta = state['meta']
        self.changes = list(meta.get('changes') or ())
        if changes:
            state = {**state, 'optimizer': with_settings_of(self.optim_wrapper.param_groups, state['optimizer'])}
            settings = {change.key: [change.old, change.new] for change in changes}
            self.changes.append({'iter': meta['iter'], 'settings': settings})
        try:
            if LEFT_OUT in meta:
                weights = completed(self.model, state['state_dict'], meta[LEFT_OUT], source=str(source))
                state = {**state, 'state_dict': weights}
            others = of_other_kind(self.model.state_dict(), state['state_dict'])
            if others:
                raise ValueError(f'{len(others)} entries are of another kind, the first {others[0]}')
            stepped = meta['iter'] >= self.full_cfg.get('accumulate', 1)
            if stepped and lacks_moments(self.optim_wrapper.param_groups, state['optimizer']):
                raise ValueError('its optimizer holds no state of any parameter')
            self.model.load_state_dict(state['state_dict'])
            if self._left_out is not None:
                self._left_out.check(str(source))
            self.optim_wrapper.load_state_dict(state['optimizer'])
            self.call_hook('after_load_checkpoint', checkpoint=state)
        except InputError:
            raise
        except Exception as error:  # what is not as it was saved is stumbled over anywhere
            raise InputError(f'{source} does not fit the config of this run: {error}') from error
        self.logger.info(f'Resumed from {source} after iteration {meta["iter"]}.')
        kept = state['optimizer'].get('state', {})
        count = sum(len(group['params']) for group in self.optim_wrapper.param_groups)
        if 0 < len(kept) < count:
            self.logger.info(
                f'Its optimizer has a state of {len(kept)} of {count} parameters: the others have had no gradient.'
            )

    def close(self) -> None:
        """Release files and worker processes; several runs may follow each other in one process."""
        self._train_loop = self._train_dataloader = None  # the loop refers to the runner: nobody else would free it
        self._hooks.clear()
        self.visualizer.close()
        for handler in list(self.logger.handlers):
            handler.close()
            if isinstance(handler, logging.FileHandler):  # it would open its file again for what the next run says
                self.logger.removeHandler(handler)
        self._lock.release()

    def build_logger(self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: Any) -> MMLogger:
        logger = super().build_logger(log_level, log_file, logger_name='mmseg', **kwargs)
        screen.limit(logger)
        guard_log_files(logger)
        return logger

    def set_randomness(self, seed: int, diff_rank_seed: bool = False, deterministic: bool = False) -> None:
        """Only remember the seed: it was used for the model already."""
        self._seed = seed
        self._deterministic = deterministic

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """No wrapper: those of the engine do not call a ``train_step`` of the model's own."""
        return model

    def _init_model_weights(self) -> None:
        """The weights are there already."""

    @property
    def student(self) -> nn.Module:
        """The network that is evaluated: the model itself, or the one that a UDA method trains."""
        return student_network(self.model)

    def share_weights(self) -> None:
        """Let all processes begin with the weights and buffers of the first."""
        broadcast_module(self.model)

    def dump_config(self) -> None:
        """Nothing yet: a state that does not fit must not replace the records of the run it belongs to."""

    def write_records(self) -> None:
        """Write config and environment into the work directory."""
        if is_main_process():
            write_provenance(Path(self.work_dir), self.full_cfg, self.environment)

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call ``fn_name`` of every hook that has it; an error keeps its traceback."""
        for hook in self._hooks:
            if hasattr(hook, fn_name):
                getattr(hook, fn_name)(self, **kwargs)

    def get_hooks_info(self) -> str:
        """The hooks in their order, on one line."""
        return ', '.join(type(hook).__name__ for hook in self.hooks)

    def _log_env(self, env_cfg: dict) -> None:
        lines = '\n'.join(f'  {name}: {value}' for name, value in self.environment.items())
        self.logger.info(f'Work directory: {self.work_dir}\nEnvironment:\n{lines}')

    @property
    def _log_dir(self) -> str:
        """Where logs go: the work directory, not a folder of the engine's below it."""
        return self._work_dir

    @_log_dir.setter
    def _log_dir(self, _: str) -> None:
        pass

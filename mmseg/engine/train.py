"""From a config to a trained network: every part is built here, then the runner's loop takes over."""

import contextlib
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.dist import get_dist_info, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmseg.arithmetic import DTYPES, require_driver, set_tf32, warn_of_slow_bf16
from mmseg.config.components import told_with_place
from mmseg.datasets.loader import build_dataset, build_test_loader, build_train_loader
from mmseg.datasets.sense import pixels_by_class, warn_of_absent_classes
from mmseg.datasets.stream import TrainingSet
from mmseg.engine.acceleration import compile_encoders
from mmseg.engine.chance import make_deterministic, seed_everything, without_deterministic_form
from mmseg.engine.checkpoint_io import read_checkpoint
from mmseg.engine.class_check import check_channels, check_classes, check_evaluated_classes
from mmseg.engine.distributed import join_processes, main_first, on_main
from mmseg.engine.early_log import kept_messages, write_to_file
from mmseg.engine.hooks.checkpoint import CheckpointSaver
from mmseg.engine.hooks.debug_figures import DebugFigures
from mmseg.engine.hooks.evaluation import EvaluationHook
from mmseg.engine.hooks.iteration_seed import IterationSeedHook
from mmseg.engine.hooks.learning_rate import LearningRateHook
from mmseg.engine.hooks.non_finite import NonFiniteStop
from mmseg.engine.hooks.pseudo_weight import PseudoWeightWatch
from mmseg.engine.hooks.replica_check import ReplicaCheck
from mmseg.engine.hooks.scalar_log import ScalarLog
from mmseg.engine.hooks.settled_choices import SettledChoices, keep_choices
from mmseg.engine.hooks.training_log import TrainingLog
from mmseg.engine.host_memory import keep_freed_memory, return_freed_memory
from mmseg.engine.layout import lay_out_weights
from mmseg.engine.lock import WorkDirLock
from mmseg.engine.loop import TrainLoop
from mmseg.engine.optim import build_optim_wrapper, learning_share, rates_by_depth, unmatched_keys
from mmseg.engine.provenance import environment
from mmseg.engine.recovery import newest_whole
from mmseg.engine.resume_check import Change, check_resume
from mmseg.engine.runner import TrainRunner
from mmseg.engine.sample_check import check_test_sample, check_training_sample, warn_of_other_norm
from mmseg.engine.schedule import LearningRate, build_schedule
from mmseg.engine.trackers import TRACKERS, vis_backend
from mmseg.engine.unlabelled_target import (
    build_target_monitor,
    held_out_share,
    tell_what_is_not_measured,
    without_held_out,
)
from mmseg.engine.work_dir import gone, refuse_used, set_work_dir
from mmseg.errors import InputError
from mmseg.evaluation.metrics import columns_of
from mmseg.evaluation.source import source_of
from mmseg.models.layers.norm import refuse_synchronised
from mmseg.models.left_out import KEY as LEFT_OUT
from mmseg.models.networks import student_network
from mmseg.models.weights import load_network
from mmseg.registry import DATASETS, HOOKS, MODELS, accepted_arguments


def build_model(cfg: Config) -> nn.Module:
    """The segmentor of ``cfg.model``, or around it the UDA method of ``cfg.uda``, on the CPU."""
    if not cfg.get('uda'):
        return MODELS.build(cfg.model)
    defaults = {'max_iters': cfg.runner.max_iters, 'accumulate': cfg.get('accumulate', 1)}
    return MODELS.build({**defaults, **cfg.uda, 'model': cfg.model})


def train(cfg: Config, *, resume: Path | None = None, allow_changes: bool = False) -> Path:
    """Train what ``cfg`` describes and return the work directory.

    Args:
        cfg: a loaded config. ``work_dir`` and ``seed`` are set in it when absent.
        resume: checkpoint of an interrupted run to go on from, or its folder, of which the newest whole one is taken;
            default ``cfg.resume_from``.
        allow_changes: go on with other settings than those of the checkpoint, and record it.

    Raises:
        InputError: something in the config, the data or the weights does not fit; before any long work.
        TrainingStopped: a signal or a non-finite loss ended the run; its state is saved.
    """
    runner = build_runner(cfg, resume=resume, allow_changes=allow_changes)
    work_dir = Path(runner.work_dir)
    try:
        with contextlib.ExitStack() as at_end:
            at_end.callback(return_freed_memory)
            at_end.callback(runner.close)
            runner.train()
    except OSError as error:
        if work_dir.is_dir():
            raise
        raise InputError(f'{gone(work_dir)}, which it cannot any more.') from error
    return work_dir


def build_runner(cfg: Config, *, resume: Path | None = None, allow_changes: bool = False) -> TrainRunner:
    """Build and check every part of a run; see :func:`train`. The runner holds its folder until it is closed."""
    lock = WorkDirLock()
    try:
        return _build_runner(cfg, resume, lock, allow_changes=allow_changes)
    except BaseException:
        lock.release()
        raise


def _build_runner(cfg: Config, resume: Path | None, lock: WorkDirLock, *, allow_changes: bool) -> TrainRunner:
    if cfg.get('compile') == 'reduce-overhead' and cfg.get('accumulate', 1) > 1:
        raise InputError(
            f"compile='reduce-overhead' overwrites gradients in every iteration: with accumulate={cfg.accumulate} use "
            'compile=True.'
        )
    join_processes(cfg.get('dist_params', {}).get('backend', 'nccl'))
    if cfg.get('work_dir'):
        on_main(lambda: lock.take(Path(cfg.work_dir)))
    with kept_messages() as messages:
        state_file = on_main(lambda: _find_state(resume or cfg.get('resume_from')))
        cfg.seed, cfg.work_dir = on_main(lambda: _identify(cfg, state_file))
        if cfg.get('deterministic'):
            make_deterministic()
        parts = main_first(lambda: _build_parts(cfg, state_file, allow_changes=allow_changes))
    _, world_size = get_dist_info()
    if cfg.get('n_gpus') != 0:
        cfg.n_gpus = world_size  # what a resume has to start again
    work_dir = Path(cfg.work_dir)
    on_main(lambda: _make_folder(work_dir, lock, fresh=parts.state is None))
    label_set = parts.train_set.label_set
    runner = TrainRunner(
        model=parts.model,
        device=parts.device,
        work_dir=work_dir,
        cfg=cfg,
        seed=cfg.seed,
        environment=parts.environment,
        dataset_meta={
            'CLASSES': list(label_set.classes),
            'PALETTE': [list(colour) for colour in label_set.palette],
        },
        loader=parts.loader,
        loop={'type': TrainLoop, 'max_iters': cfg.runner.max_iters, 'start_iteration': parts.start},
        optim_wrapper=parts.optim_wrapper,
        hooks=parts.hooks,
        vis_backends=parts.vis_backends if is_main_process() else [],
        env_cfg=_env_cfg(cfg),
        launcher='none' if world_size == 1 else 'pytorch',
        lock=lock,
    )
    write_to_file(messages, runner.logger)
    if parts.state is None or state_file is None:
        runner.share_weights()
    else:
        runner.load_state(parts.state, state_file, changes=parts.changes)
    runner.write_records()
    _log_plan(runner, cfg, parts.schedule, world_size)
    on_main(lambda: _log_classes(parts.train_set, work_dir))
    return runner


@dataclass(frozen=True, eq=False)
class Parts:
    """What a runner is made of. ``state`` is what to resume from, ``start`` the iterations that are done there."""

    environment: dict[str, str]
    device: torch.device
    state: dict[str, Any] | None
    changes: list[Change]
    start: int
    schedule: LearningRate
    model: nn.Module
    optim_wrapper: OptimWrapper
    train_set: TrainingSet
    loader: DataLoader
    hooks: list[Hook]
    vis_backends: list[dict]


def _build_parts(cfg: Config, state_file: Path | None, *, allow_changes: bool) -> Parts:
    """Build everything of which the config can be wrong, and check it."""
    rank, world_size = get_dist_info()
    device = _device(cfg)
    set_tf32(cfg.get('tf32', False))
    for precision in {cfg.get('precision'), (cfg.get('evaluation') or {}).get('precision')}:
        warn_of_slow_bf16(device, precision=precision)
    made_by = environment(cfg.seed) | {'processes': str(world_size)}
    state, changes = None, []
    if state_file is not None:
        state = read_checkpoint(state_file)
        _check_processes(state, state_file, world_size)
        keep_choices(cfg, state)
        changes = check_resume(state, state_file, cfg, made_by, allow_changes=allow_changes)
    start = state['meta']['iter'] if state else 0
    if device.type == 'cpu':
        keep_freed_memory()
    schedule = build_schedule(cfg.get('lr_config'), cfg.runner.max_iters)
    work_dir = Path(cfg.work_dir)
    if state is None:
        refuse_used(work_dir)
    seed_everything(cfg.seed)
    model = build_model(cfg)
    if state is None or LEFT_OUT in state['meta']:  # else all weights come from it, and no pretrained file is needed
        _initialise(model, cfg)
    if world_size > 1 and device.type == 'cpu':
        refuse_synchronised(model)
    model.to(device)
    if device.type == 'cuda':
        lay_out_weights(model)
    compile_encoders(model, cfg.get('compile', False), device=device)
    optim_wrapper = build_optim_wrapper(
        model,
        cfg.optimizer,
        optimizer_config=cfg.get('optimizer_config'),
        precision=cfg.get('precision', 'fp32'),
        accumulate=cfg.get('accumulate', 1),
    )
    train_set = _build_train_set(without_held_out(cfg.data.train, held_out_share(cfg)), work_dir)
    check_classes(model, train_set.label_set)
    check_evaluated_classes(cfg.data, train_set.label_set)
    check_channels(model, train_set, 'data.train')
    norm = check_training_sample(train_set, seed=cfg.seed, target=getattr(model, 'needs_target', False))
    loader = build_train_loader(
        train_set,
        samples_per_gpu=cfg.data.samples_per_gpu,
        workers_per_gpu=cfg.data.workers_per_gpu,
        seed=cfg.seed,
        start_iteration=start,
        rank=rank,
        world_size=world_size,
        pin_memory=device.type == 'cuda',
    )
    hooks = _build_hooks(cfg, schedule, train_set)
    for hook in hooks:
        if isinstance(hook, EvaluationHook):
            check_channels(model, hook.dataset, 'data.val')
            warn_of_other_norm('data.val', check_test_sample(hook.dataset, 'data.val'), norm)
    backends = [vis_backend(entry, work_dir) for entry in _log_hooks(cfg) if entry['type'] in TRACKERS]
    if cfg.get('deterministic') and device.type == 'cuda':
        _tell_undetermined(model)
    return Parts(
        made_by, device, state, changes, start, schedule, model, optim_wrapper, train_set, loader, hooks, backends
    )


def _tell_undetermined(model: nn.Module) -> None:
    names = without_deterministic_form(model)
    if names:
        print_log(
            f'deterministic=True holds for all but {len(names)} layers, whose gradients a GPU has no deterministic way '
            f'for: {", ".join(names)}. Two runs of one seed may differ in their last bits.',
            'current',
            logging.WARNING,
        )


def _find_state(wanted: str | Path | None) -> Path | None:
    """The checkpoint to go on from: the file itself, or the newest whole one of a work directory."""
    if not wanted:
        return None
    path = Path(wanted)
    found = newest_whole(path) if path.is_dir() else path
    if found is None:
        raise InputError(f'{path} holds no checkpoint to go on from.')
    return found


def _identify(cfg: Config, state_file: Path | None) -> tuple[int, str]:
    """Seed and work directory of the run, where the config does not say them."""
    state = read_checkpoint(state_file) if state_file and cfg.get('seed') is None else None
    return _choose_seed(cfg, state), str(set_work_dir(cfg, cfg.get('work_dir')))


def _check_processes(state: dict[str, Any], state_file: Path | None, count: int) -> None:
    """Refuse to go on with another number of processes: batches, and so the training, would be others."""
    before = state['meta'].get('processes') or 1
    if before != count:
        raise InputError(
            f'{state_file} was made by {before} process(es), and is resumed by {count}: every batch would hold other '
            f'samples. Go on with --gpus {before} (or torchrun with {before} processes in all), or start a new run '
            'from its weights: --cfg-options load_from=FILE.'
        )


def _make_folder(work_dir: Path, lock: WorkDirLock, *, fresh: bool) -> None:
    """Make the folder of a run and hold it; another process may have done so since it was looked for."""
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f'The work directory {work_dir} cannot be made: {error.strerror}.') from error
    lock.take(work_dir)
    if fresh:
        refuse_used(work_dir)


def _build_train_set(train_cfg: dict | list, work_dir: Path) -> TrainingSet:
    """The training data; what it has to write and cannot write beside its files goes to the work directory."""
    kind = DATASETS.get(train_cfg['type']) if isinstance(train_cfg, dict) else None
    takes_folder = kind is not None and 'index_dir' in (accepted_arguments(kind) or ())
    return build_dataset(train_cfg, {'index_dir': work_dir} if takes_folder else None)


def _device(cfg: Config) -> torch.device:
    if cfg.get('n_gpus') == 0:
        return torch.device('cpu')
    require_driver('train on the CPU: --gpus 0')
    if not torch.cuda.is_available():
        return torch.device('cpu')
    return torch.device('cuda', int(os.environ.get('LOCAL_RANK', '0')))


def _choose_seed(cfg: Config, state: dict[str, Any] | None) -> int:
    """The config's seed, else the resumed run's, else a new one; recorded in the config."""
    if cfg.get('seed') is None:
        cfg.seed = state['meta']['seed'] if state else secrets.randbelow(2**31)
    return cfg.seed


def _initialise(model: Any, cfg: Config) -> None:
    """Random and pretrained weights; then the student takes those of ``load_from``, if there is one."""
    model.init_weights()
    if cfg.get('load_from'):
        load_network(student_network(model), cfg.load_from, other_classes=True)


def _build_hooks(cfg: Config, schedule: LearningRate, train_set: Any) -> list[Hook]:
    log_interval = cfg.get('log_config', {}).get('interval', 50)
    hooks: list[Hook] = [
        IterationSeedHook(seed=cfg.seed),
        SettledChoices(),
        LearningRateHook(schedule=schedule),
        *_build_replica_check(cfg),
        NonFiniteStop(remembered_batches=log_interval),
        TrainingLog(interval=log_interval),
        PseudoWeightWatch(interval=log_interval),
        DebugFigures(label_set=train_set.label_set),
        *_build_saver(cfg.get('checkpoint_config', {})),
        *_build_evaluation(cfg),
        *build_target_monitor(cfg, pin_memory=_device(cfg).type == 'cuda'),
    ]
    entries = _log_hooks(cfg)
    if any(entry['type'] in TRACKERS for entry in entries):
        hooks.append(ScalarLog())
    plain = [entry for entry in entries if entry['type'] not in TRACKERS]
    return hooks + [_build_hook(entry) for entry in [*plain, *cfg.get('custom_hooks', [])]]


def _build_hook(entry: dict) -> Hook:
    """A hook as configs describe it; ``priority`` is its place among the others, if not its own."""
    arguments = {key: value for key, value in entry.items() if key != 'priority'}
    hook = told_with_place(f'hook {entry["type"]}', lambda: HOOKS.build(arguments))
    hook.priority = entry.get('priority', hook.priority)
    return hook


def _build_replica_check(cfg: Config) -> list[Hook]:
    """The comparison of the networks of several processes."""
    _, world_size = get_dist_info()
    if world_size == 1:
        return []
    return [ReplicaCheck(interval=cfg.get('dist_params', {}).get('check_interval', 500))]


def _log_hooks(cfg: Config) -> list[dict]:
    default = [{'type': 'TextLoggerHook'}, {'type': 'TensorboardLoggerHook'}]
    return cfg.get('log_config', {}).get('hooks', default)


def _build_saver(wanted: dict | None) -> list[Hook]:
    """What saves the state of the run; nothing does for ``checkpoint_config = None``."""
    if wanted is None:
        return []
    return [told_with_place('checkpoint_config', lambda: HOOKS.build({**wanted, 'type': CheckpointSaver}))]


def _build_evaluation(cfg: Config) -> list[Hook]:
    """The evaluation on ``data.val`` every ``evaluation.interval`` iterations, if the config wants one."""
    if tell_what_is_not_measured(cfg):
        return []
    wanted = cfg.evaluation
    columns = columns_of(wanted.get('metric', 'mIoU'))
    dataset = build_dataset(cfg.data.val, {'test_mode': True})
    rank, world_size = get_dist_info()
    loader = build_test_loader(
        dataset,
        workers_per_gpu=cfg.data.workers_per_gpu,
        rank=rank,
        world_size=world_size,
        samples_per_gpu=wanted.get('samples_per_gpu', 1),
        pin_memory=_device(cfg).type == 'cuda',
    )
    interval, dtype = wanted.get('interval', cfg.runner.max_iters), DTYPES[wanted.get('precision') or 'fp32']
    return [
        EvaluationHook(
            loader=loader,
            dataset=dataset,
            interval=interval,
            columns=columns,
            source=source_of(cfg),
            dtype=dtype,
            save_best=wanted.get('save_best'),
        )
    ]


def _env_cfg(cfg: Config) -> dict:
    benchmark = bool(cfg.get('cudnn_benchmark')) and not cfg.get('deterministic')
    return {'cudnn_benchmark': benchmark, **cfg.get('env_cfg', {})}


def _log_classes(train_set: Dataset, work_dir: Path) -> None:
    """Say how often each class is labelled, where that is known without reading all labels."""
    if not isinstance(train_set, TrainingSet):
        return
    counts = train_set.known_counts(work_dir)
    if counts is not None:
        print_log(pixels_by_class(counts, train_set.label_set), 'current')
        warn_of_absent_classes(counts, train_set.label_set, train_set.common_reader())


def _share(learning: int, everything: int) -> str:
    return f'{learning / 1e6:.2f} M of {everything / 1e6:.2f} M parameters ({learning / everything:.1%}) learn,'


def _log_plan(runner: TrainRunner, cfg: Config, schedule: LearningRate, world_size: int) -> None:
    """Say what is about to happen, in the terms in which runs are compared."""
    groups = runner.optim_wrapper.param_groups
    learning, everything = learning_share(runner.model)
    parts = f'{learning / 1e6:.2f} M parameters' if learning == everything else _share(learning, everything)
    rates = ', '.join(sorted({f'{group["initial_lr"]:g}' for group in groups}))
    runner.logger.info(
        f'{parts} in {len(groups)} groups, base learning rates {rates}: {schedule}.\n'
        f'{schedule.max_iters} iterations of {cfg.data.samples_per_gpu} samples x {world_size} processes '
        f'on {runner.device}.'
    )
    if (cfg.optimizer.get('paramwise_cfg') or {}).get('layer_decay', 1) < 1:
        runner.logger.info(f'Base learning rates of the encoder: {"; ".join(rates_by_depth(runner.model, groups))}.')
    if world_size > 1:
        runner.logger.info(
            f'{cfg.data.samples_per_gpu * world_size} samples make one batch; the learning rate is not scaled for it.'
        )
        if cfg.get('find_unused_parameters') or not cfg.get('use_ddp_wrapper', True):
            runner.logger.info(
                'find_unused_parameters and use_ddp_wrapper have no effect: there is no wrapper, and parameters that '
                'take no part are found at every step.'
            )
    for key in unmatched_keys(runner.model, cfg.optimizer):
        runner.logger.warning(f'optimizer.paramwise_cfg.custom_keys: no parameter has a name with {key!r}.')
    if schedule.warmup and schedule.warmup_iters >= schedule.max_iters:
        runner.logger.warning(
            f'The warm-up of {schedule.warmup_iters} iterations does not end within {schedule.max_iters} iterations.'
        )

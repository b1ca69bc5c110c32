"""From a config to a trained network: every part is built here, then the runner's loop takes over."""

import contextlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.dist import get_dist_info, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import nn
from torch.utils.data import DataLoader

from mmseg.arithmetic import set_tf32, warn_of_slow_bf16
from mmseg.config.encoder_images import check_tested_size
from mmseg.config.leaves import place_of
from mmseg.datasets.loader import build_dataset, build_train_loader
from mmseg.datasets.stream import TrainingSet
from mmseg.engine.acceleration import compile_encoders
from mmseg.engine.chance import make_deterministic, seed_everything, without_deterministic_form
from mmseg.engine.checkpoints.checkpoint_io import read_checkpoint
from mmseg.engine.checkpoints.image_lists import image_lists
from mmseg.engine.checkpoints.recovery import newest_whole, refuse_to_mix
from mmseg.engine.checkpoints.resume_check import Change, check_images, check_resume
from mmseg.engine.checks.class_check import check_channels, check_classes, check_evaluated_classes, check_loaded_classes
from mmseg.engine.checks.sample_check import check_test_sample, check_training_sample, warn_of_other_norm
from mmseg.engine.device import device_of
from mmseg.engine.distributed import join_processes, main_first, on_main
from mmseg.engine.early_log import kept_messages, write_to_file
from mmseg.engine.hooks.evaluation import EvaluationHook
from mmseg.engine.hooks.settled_choices import keep_choices
from mmseg.engine.host_memory import keep_freed_memory, return_freed_memory
from mmseg.engine.layout import lay_out_weights
from mmseg.engine.lock import WorkDirLock
from mmseg.engine.loop import TrainLoop
from mmseg.engine.optim import build_optim_wrapper
from mmseg.engine.plan_log import log_classes, log_plan
from mmseg.engine.provenance import environment
from mmseg.engine.run_hooks import build_hooks, tracker_backends
from mmseg.engine.runner import TrainRunner
from mmseg.engine.schedule import LearningRate, build_schedule
from mmseg.engine.unlabelled_target import (
    held_out_share,
    without_held_out,
)
from mmseg.engine.work_dir import gone, set_work_dir
from mmseg.errors import InputError
from mmseg.models.layers.norm import refuse_synchronised
from mmseg.models.networks import Role, evaluated_network, networks_of, student_network
from mmseg.models.weights import load_network
from mmseg.models.weights.left_out import KEY as LEFT_OUT
from mmseg.models.weights.left_out import LeftOut, left_out_of
from mmseg.places import home_expanded, make_folder
from mmseg.registry import DATASETS, MODELS, accepted_arguments


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
    on_main(lambda: _make_folder(work_dir, lock, state_file, parts.start))
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
            'images': image_lists(parts.train_set),
        },
        loader=parts.loader,
        loop={'type': TrainLoop, 'max_iters': cfg.runner.max_iters, 'start_iteration': parts.start},
        optim_wrapper=parts.optim_wrapper,
        hooks=parts.hooks,
        vis_backends=parts.vis_backends if is_main_process() else [],
        env_cfg=_env_cfg(cfg),
        left_out=parts.left_out,
        launcher='none' if world_size == 1 else 'pytorch',
        lock=lock,
    )
    write_to_file(messages, runner.logger)
    if parts.state is None or state_file is None:
        runner.share_weights()
    else:
        runner.load_state(parts.state, state_file, changes=parts.changes)
    runner.write_records()
    log_plan(runner, cfg, parts.schedule, world_size)
    on_main(lambda: log_classes(parts.train_set, work_dir))
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
    left_out: LeftOut | None
    optim_wrapper: OptimWrapper
    train_set: TrainingSet
    loader: DataLoader
    hooks: list[Hook]
    vis_backends: list[dict]


def _build_parts(cfg: Config, state_file: Path | None, *, allow_changes: bool) -> Parts:
    """Build everything of which the config can be wrong, and check it."""
    rank, world_size = get_dist_info()
    device = device_of(cfg)
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
    refuse_to_mix(work_dir, state_file, start)
    seed_everything(cfg.seed)
    model = build_model(cfg)
    loaded, omitted = _give_weights(model, cfg, state)
    if world_size > 1 and device.type == 'cpu':
        refuse_synchronised(model)
    model.to(device)
    if device.type == 'cuda':
        lay_out_weights(model)
    compile_encoders(model, cfg.get('compile', False), device=device)
    optim = build_optim_wrapper(
        model,
        cfg.optimizer,
        optimizer_config=cfg.get('optimizer_config'),
        precision=cfg.get('precision', 'fp32'),
        accumulate=cfg.get('accumulate', 1),
    )
    train_set = _build_train_set(without_held_out(cfg.data.train, held_out_share(cfg)), work_dir)
    if state is not None and state_file is not None:
        changes += check_images(state, state_file, image_lists(train_set), allow_changes=allow_changes)
    check_classes(model, train_set.label_set)
    check_evaluated_classes(cfg.data, train_set.label_set)
    check_channels(model, train_set, 'data.train')
    needs = {'target': getattr(model, 'needs_target', False), 'source': getattr(model, 'needs_source', True)}
    check_loaded_classes(loaded.get('CLASSES'), train_set.label_set, cfg.get('load_from'), learns=needs['source'])
    norm = check_training_sample(train_set, seed=cfg.seed, **needs)
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
    hooks = build_hooks(cfg, schedule, train_set)
    for hook in hooks:
        if isinstance(hook, EvaluationHook):
            check_evaluation(hook, model, norm)
    backends = tracker_backends(cfg, work_dir)
    if cfg.get('deterministic') and device.type == 'cuda':
        _tell_undetermined(model)
    return Parts(
        made_by, device, state, changes, start, schedule, model, omitted, optim, train_set, loader, hooks, backends
    )


def check_evaluation(hook: EvaluationHook, model: nn.Module, norm: Mapping[str, Any] | None) -> None:
    """Refuse an evaluation that the network, or what it is trained on, does not fit.

    Raises:
        InputError: the method has no network of the weights asked for, or the images of a set do not fit.
    """
    takes = partial(check_tested_size, evaluated_network(model, hook.weights))
    for name, one in hook.sets.items():
        place = place_of('data.val', name)
        check_channels(model, one.dataset, place)
        warn_of_other_norm(place, check_test_sample(one.dataset, place, takes=takes), norm)


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
    path = home_expanded(wanted)
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


def _make_folder(work_dir: Path, lock: WorkDirLock, state_file: Path | None, iteration: int) -> None:
    """Make the folder of a run and hold it; another process may have done so since it was looked for."""
    make_folder(work_dir)
    lock.take(work_dir)
    refuse_to_mix(work_dir, state_file, iteration)


def _build_train_set(train_cfg: dict | list, work_dir: Path) -> TrainingSet:
    """The training data; what it has to write and cannot write beside its files goes to the work directory."""
    kind = DATASETS.get(train_cfg['type']) if isinstance(train_cfg, dict) else None
    takes_folder = kind is not None and 'index_dir' in (accepted_arguments(kind) or ())
    return build_dataset(train_cfg, {'index_dir': work_dir} if takes_folder else None)


def _choose_seed(cfg: Config, state: dict[str, Any] | None) -> int:
    """The config's seed, else the resumed run's, else a new one; recorded in the config."""
    if cfg.get('seed') is None:
        cfg.seed = state['meta']['seed'] if state else secrets.randbelow(2**31)
    return cfg.seed


def _give_weights(
    model: nn.Module, cfg: Config, state: dict[str, Any] | None
) -> tuple[Mapping[str, Any], LeftOut | None]:
    """Let the ``model`` have what it starts from, unless all of it comes from ``state``.

    Returns:
        the meta information of ``load_from``, and what checkpoints leave out.
    """
    learned_only = (cfg.get('checkpoint_config') or {}).get('learned_only')
    reduced = state is not None and LEFT_OUT in state['meta']
    loaded: Mapping[str, Any] = {}
    if state is None or reduced or learned_only:  # else no pretrained file is needed
        loaded = _initialise(model, cfg)
    return loaded, left_out_of(model, resumes=reduced) if learned_only else None


def _initialise(model: Any, cfg: Config) -> Mapping[str, Any]:
    """Random and pretrained weights; then the student takes those of ``load_from``, if there is one.

    What follows the student starts as it is, buffers too: no step hands on the statistics of norms.

    Returns:
        the meta information of ``load_from``.
    """
    model.init_weights()
    if not cfg.get('load_from'):
        return {}
    student = student_network(model)
    learns_classes = getattr(model, 'needs_source', True)
    meta = load_network(student, cfg.load_from, other_classes=learns_classes, before_tuning=True)
    for network in networks_of(model):
        if network.role is Role.FOLLOWS:
            network.module.load_state_dict(student.state_dict())
    return meta


def _env_cfg(cfg: Config) -> dict:
    benchmark = bool(cfg.get('cudnn_benchmark')) and not cfg.get('deterministic')
    return {'cudnn_benchmark': benchmark, **cfg.get('env_cfg', {})}

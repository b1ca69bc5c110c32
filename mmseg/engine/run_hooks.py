"""What watches a run, in its order: built from a config."""

from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.dist import get_dist_info
from mmengine.hooks import Hook

from mmseg.arithmetic import DTYPES
from mmseg.config.components import told_with_place
from mmseg.config.leaves import named_sets, place_of
from mmseg.config.tested_at import tested_at
from mmseg.datasets.loader import build_dataset, build_test_loader
from mmseg.datasets.taught_images import refuse_taught_images
from mmseg.engine.device import device_of
from mmseg.engine.hooks.checkpoint import CheckpointSaver
from mmseg.engine.hooks.debug_figures import DebugFigures
from mmseg.engine.hooks.evaluation import EvaluatedSet, EvaluationHook
from mmseg.engine.hooks.iteration_seed import IterationSeedHook
from mmseg.engine.hooks.learning_rate import LearningRateHook
from mmseg.engine.hooks.non_finite import NonFiniteStop
from mmseg.engine.hooks.pseudo_weight import PseudoWeightWatch
from mmseg.engine.hooks.replica_check import ReplicaCheck
from mmseg.engine.hooks.scalar_log import ScalarLog
from mmseg.engine.hooks.settled_choices import SettledChoices
from mmseg.engine.hooks.training_log import TrainingLog
from mmseg.engine.schedule import LearningRate
from mmseg.engine.trackers import TRACKERS, vis_backend
from mmseg.engine.unlabelled_target import build_target_monitor, tell_what_is_not_measured
from mmseg.evaluation.metrics import columns_of
from mmseg.evaluation.source import source_of
from mmseg.registry import HOOKS


def build_hooks(cfg: Config, schedule: LearningRate, train_set: Any) -> list[Hook]:
    """Every hook of a run: those that each run has, then those that its config names, in their order.

    Raises:
        InputError: a setting of a hook, or of the evaluation, does not fit.
    """
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
        *build_evaluation(cfg),
        *build_target_monitor(cfg, pin_memory=device_of(cfg).type == 'cuda'),
    ]
    entries = _log_hooks(cfg)
    if any(entry['type'] in TRACKERS for entry in entries):
        hooks.append(ScalarLog())
    plain = [entry for entry in entries if entry['type'] not in TRACKERS]
    return hooks + [_build_hook(entry) for entry in [*plain, *cfg.get('custom_hooks', [])]]


def tracker_backends(cfg: Config, work_dir: Path) -> list[dict]:
    """Where the engine's visualizer writes to for the trackers that the config names."""
    return [vis_backend(entry, work_dir) for entry in _log_hooks(cfg) if entry['type'] in TRACKERS]


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


def build_evaluation(cfg: Config) -> list[Hook]:
    """The evaluation on ``data.val`` every ``evaluation.interval`` iterations, if the config wants one."""
    if tell_what_is_not_measured(cfg):
        return []
    wanted = cfg.evaluation
    columns = columns_of(wanted.get('metric', 'mIoU'))
    rank, world_size = get_dist_info()
    sets = {}
    for name, described in named_sets(cfg.data.val).items():
        dataset = build_dataset(described, {'test_mode': True})
        refuse_taught_images(cfg.data.train, dataset, place_of('data.val', name))
        loader = build_test_loader(
            dataset,
            workers_per_gpu=cfg.data.workers_per_gpu,
            rank=rank,
            world_size=world_size,
            samples_per_gpu=wanted.get('samples_per_gpu', 1),
            pin_memory=device_of(cfg).type == 'cuda',
        )
        sets[name] = EvaluatedSet(dataset, loader, tested_at(described, cfg.get('model')))
    return [
        EvaluationHook(
            sets=sets,
            interval=wanted.get('interval', cfg.runner.max_iters),
            weights=wanted.get('weights') or 'student',
            columns=columns,
            source=source_of(cfg),
            dtype=DTYPES[wanted.get('precision') or 'fp32'],
            save_best=wanted.get('save_best'),
        )
    ]

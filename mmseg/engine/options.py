"""The options of a training command: the config that they make of a file, and the run of it."""

import argparse
import sys
from pathlib import Path

from mmengine import Config
from mmengine.dist import is_main_process
from mmengine.utils import import_modules_from_strings

from mmseg.config.components import check_components
from mmseg.config.leaves import dicts_in
from mmseg.config.load import load_config, parse_cfg_options
from mmseg.engine.checks.hook_check import check_hooks
from mmseg.engine.checks.learning_check import check_learning
from mmseg.engine.class_weights import settle_class_weights
from mmseg.engine.distributed import join_processes, on_main
from mmseg.engine.processes import processes_wanted, run_processes
from mmseg.engine.stop import TrainingStopped
from mmseg.engine.train import train
from mmseg.engine.work_dir import set_work_dir

# What --debug changes: every part of a run is seen within a minute.
DEBUG = {
    'runner.max_iters': 4,
    'log_config.interval': 1,
    'checkpoint_config.interval': 2,
    'data.workers_per_gpu': 0,
}


def load_run(path: Path, args: argparse.Namespace) -> Config:
    """The config in ``path`` with the options of the command line, every name and argument in it checked.

    Raises:
        InputError: something in it is not known or does not fit.
    """
    options = (DEBUG if args.debug else {}) | parse_cfg_options(args.cfg_options)
    if args.seed is not None:
        options['seed'] = args.seed
    if args.gpus is not None:
        options['n_gpus'] = args.gpus
    if args.deterministic:
        options['deterministic'] = True
    cfg = load_config(path, options, trust=getattr(args, 'trust', False))
    if path.suffix == '.json' and 'work_dir' not in options:
        cfg.work_dir = None  # that of the run which wrote the file
    if args.debug and cfg.uda:
        cfg.uda.debug_img_interval = 1
    if args.debug and cfg.evaluation:
        cfg.evaluation.interval = cfg.runner.max_iters
    if getattr(args, 'no_validate', False):
        cfg.evaluation = None
    if args.from_scratch:
        leave_out_pretrained(cfg)
    check_run(cfg)
    return cfg


def leave_out_pretrained(cfg: Config) -> None:
    """Let all networks of a run start from random weights: those of its method too, so that nothing is looked for.

    Its checkpoints hold what keeps these weights, too: no file has them.
    """
    for part in (*dicts_in(cfg.model), *dicts_in(cfg.get('uda'))):
        part.pop('pretrained', None)
        if (part.get('init_cfg') or {}).get('type') == 'Pretrained':
            del part['init_cfg']
    cfg.model.pretrained = None
    if cfg.get('checkpoint_config') and not cfg.get('load_from'):
        cfg.checkpoint_config.learned_only = False


def check_run(cfg: Config) -> None:
    """Check every name and argument of a training: network, method, data, optimizer, schedule and hooks.

    Raises:
        InputError: something is not known or does not fit.
    """
    settle_class_weights(cfg)
    check_learning(cfg, check_components(cfg))
    check_hooks(cfg)


def train_and_report(
    cfg: Config, *, work_dir: Path | None, resume: Path | None = None, allow_changes: bool = False
) -> int:
    """Train, printing ``work_dir: PATH`` first; the exit code, with a message where it is not 0.

    The run has ``cfg.n_gpus`` processes, which are started here and end here; or, under torchrun, those that
    torchrun started, each of which calls this. ``cfg.work_dir`` is set in either case.

    Raises:
        InputError: as :func:`mmseg.engine.train.train`, in the process that trains.
    """
    wanted = work_dir or cfg.get('work_dir')
    count = processes_wanted(cfg)
    if count > 1:
        folder = set_work_dir(cfg, wanted)
        return run_processes(
            _train_as_one, count, cfg, folder, resume, allow_changes, port=cfg.dist_params.get('port', 0)
        )
    join_processes(cfg.dist_params.backend)
    cfg.work_dir = on_main(lambda: str(set_work_dir(cfg, wanted)))
    if is_main_process():
        print(f'work_dir: {cfg.work_dir}', flush=True)  # noqa: T201 (commands and scripts read this line)
    try:
        train(cfg, resume=resume, allow_changes=allow_changes)
    except TrainingStopped as stop:
        if is_main_process():
            print(f'stopped: {stop}', file=sys.stderr)  # noqa: T201
        return stop.exit_code
    return 0


def _train_as_one(cfg: Config, work_dir: Path, resume: Path | None, allow_changes: bool) -> int:
    """Be one of the processes of a run: with the user's own modules, which came with the config's file."""
    if cfg.get('custom_imports'):
        import_modules_from_strings(**cfg.custom_imports)
    return train_and_report(cfg, work_dir=work_dir, resume=resume, allow_changes=allow_changes)

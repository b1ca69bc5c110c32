"""What a training command asks for, done: a config, an interrupted run, a table of experiments; here or by Slurm."""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from mmseg.config.experiment import Run
from mmseg.config.read import SHIPPED_CONFIGS, WITH_THE_CODE
from mmseg.config.tables import rows_of
from mmseg.engine.checkpoints.checkpoint_io import LATEST
from mmseg.engine.checkpoints.recovery import usable_config_of
from mmseg.engine.cluster import Resources, minutes_of, submit
from mmseg.engine.grid import run_here
from mmseg.engine.options import load_run, train_and_report
from mmseg.engine.work_dir import checkpoint_of, find_work_dir, require_checkpoint
from mmseg.errors import InputError
from mmseg.writing import write_text

GENERATED = (SHIPPED_CONFIGS if WITH_THE_CODE else Path('configs')) / 'generated'


def resume(args: argparse.Namespace) -> int:
    """Go on with the run in ``args.resume`` from its newest state, or from the start if it has none."""
    if args.work_dir is not None:
        raise InputError('--resume goes on in the folder it names; leave --work-dir out.')
    work_dir = find_work_dir(args.resume)
    cfg = load_run(usable_config_of(work_dir), args)
    started = checkpoint_of(work_dir) is not None
    if not started and os.path.lexists(work_dir / LATEST):
        require_checkpoint(work_dir)  # a broken link, or no file: says so
    if not started:
        print(f'{work_dir} holds no checkpoint: the run starts from the beginning.')
    return train_and_report(
        cfg, work_dir=work_dir, resume=work_dir if started else None, allow_changes=args.allow_changes
    )


def write_configs(rows: Sequence[Run]) -> list[Path]:
    """Write the configs of ``rows`` to ``configs/generated/<exp>/``, in their order."""
    paths = []
    for row in rows:
        path = GENERATED / row.exp / f'{row.name}.json'
        write_text(path, json.dumps(row.cfg(), indent=2))
        paths.append(path)
    return paths


def train_table(args: argparse.Namespace) -> int:
    """Write, train or submit the runs of ``args.exp``."""
    rows = rows_of(args.exp, seeds=args.seeds, only=args.only)
    if args.work_dir is not None:
        raise InputError(f'--work-dir names one folder, but --exp {args.exp} has {len(rows)} runs with one each.')
    if started_by_another():
        return 0
    args.gpus = processes_of_a_run(args)
    args.trust = True  # the files are written here, from rows that are code
    paths = write_configs(rows)
    cfgs = [load_run(path, args) for path in paths]  # all are checked before the first is trained
    if args.dry_run:
        print(*paths, sep='\n')
        return 0
    return submit(cfgs, resources_of(args)) if args.machine == 'slurm' else run_here(cfgs)


def started_by_another() -> bool:
    """Whether torchrun started this process beside the first one, which alone trains tables.

    It gives each run that many processes of its own, so that one that fails does not end the others.

    Raises:
        InputError: torchrun was started on several machines.
    """
    if int(os.environ.get('WORLD_SIZE', '1')) > int(os.environ.get('LOCAL_WORLD_SIZE', '1')):
        raise InputError('--exp starts the processes of each run on this machine only; for several: --machine slurm.')
    return os.environ.get('RANK', '0') != '0'


def processes_of_a_run(args: argparse.Namespace) -> int | None:
    """How many processes train each run (``n_gpus``): those of the job, or of torchrun, or what ``--gpus`` says."""
    if args.machine == 'slurm':
        resources = resources_of(args)
        return resources.gpus_per_node * resources.nodes
    processes = int(os.environ.get('WORLD_SIZE', '1'))
    return args.gpus if processes == 1 else processes


def resources_of(args: argparse.Namespace) -> Resources:
    """What the jobs of a cluster ask for."""
    wanted = {'partition': args.partition, 'gpus_per_node': args.gpus_per_node, 'nodes': args.nodes}
    for option, least in (('gpus_per_node', 0), ('nodes', 1)):
        if wanted[option] is not None and wanted[option] < least:
            raise InputError(f'--{option.replace("_", "-")} {wanted[option]}: has to be at least {least}.')
    if args.time is not None:
        wanted['minutes'] = minutes_of(args.time)
    pairs = [option.partition('=') for option in args.slurm_options or ()]
    wrong = [''.join(pair) for pair in pairs if not (pair[0] and pair[1])]
    if wrong:
        raise InputError(f'--slurm-options takes KEY=VALUE (e.g. account=vision), not {wrong[0]!r}.')
    options = {key.lstrip('-'): value for key, _, value in pairs}
    return Resources(options=options, **{key: value for key, value in wanted.items() if value is not None})


def train_config(args: argparse.Namespace) -> int:
    """Train or submit the run of ``args.config``."""
    if args.machine == 'local':
        cfg = load_run(args.config, args)
        if args.load_from:
            cfg.load_from = args.load_from
        return train_and_report(cfg, work_dir=args.work_dir, resume=args.resume_from, allow_changes=args.allow_changes)
    if args.work_dir is not None:
        raise InputError('--machine slurm makes the folders of its runs; leave --work-dir out.')
    args.gpus = processes_of_a_run(args)
    return submit([load_run(args.config, args)], resources_of(args))

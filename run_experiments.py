"""Train what a config, a table of experiments, or an interrupted run describes.

    python run_experiments.py --config configs/toy/daformer.py
    python run_experiments.py --list
    python run_experiments.py --exp 1 --list
    python run_experiments.py --exp 1 --only dacs_segformer --seeds 0 1
    python run_experiments.py --exp 6 --machine slurm --partition gpu --time 24:00:00
    python run_experiments.py --resume work_dirs/local-toy/211108_1622_daformer_7f24c

Every run gets a work directory of its own, printed as a line ``work_dir: PATH``. A table is trained one run after the
other; a run that fails is recorded and the rest goes on. The same command again skips what is finished and goes on
with what was interrupted. ``python experiments.py`` takes the same options. More in docs/experiments.md.
"""

if __name__ == '__main__':
    from mmseg.signals import end_while_starting

    end_while_starting()

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from experiments import TABLES, rows_of
from mmseg.config.experiment import NOT_PUBLISHED, Run
from mmseg.engine.cluster import Resources, minutes_of, submit
from mmseg.engine.distributed import leave
from mmseg.engine.grid import run_here
from mmseg.engine.options import add_training_options, load_run, train_and_report
from mmseg.engine.recovery import usable_config_of
from mmseg.engine.work_dir import checkpoint_of, find_work_dir
from mmseg.errors import InputError, command
from mmseg.writing import write_text

GENERATED = Path(__file__).resolve().parent / 'configs' / 'generated'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f'{__doc__}\ntables of --exp:\n{list_tables()}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--config', type=Path, help='config file to train')
    what.add_argument('--exp', metavar='ID', help='table of experiments to train, one run after the other')
    what.add_argument('--resume', metavar='WORK_DIR|NAME', help='interrupted run to go on with, by folder or name')
    add_training_options(parser)
    _add_table_options(parser.add_argument_group('tables of experiments'))
    _add_machine_options(parser.add_argument_group('where to train'))
    args = parser.parse_args(argv)
    _refuse_mixtures(parser, args)
    return args


def _add_table_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--list', action='store_true', help='print the runs of --exp, or all tables, and end')
    group.add_argument('--dry-run', action='store_true', help='write the configs to configs/generated/ID/ and end')
    group.add_argument('--seeds', type=int, nargs='+', metavar='N', help="these seeds instead of the table's")
    group.add_argument('--only', metavar='REGEX', help='only runs in whose name this regular expression is found')


def _add_machine_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--machine', choices=['local', 'slurm'], default='local', help='train here, or submit one job per run'
    )
    group.add_argument('--partition', help='slurm: partition of the cluster')
    group.add_argument('--gpus-per-node', type=int, metavar='N', help='slurm: GPUs on each machine (default: 1)')
    group.add_argument('--nodes', type=int, metavar='N', help='slurm: machines for each run (default: 1)')
    group.add_argument('--time', metavar='TIME', help='slurm: limit of a job, e.g. 4:00:00 (default: 24:00:00)')
    group.add_argument(
        '--slurm-options', nargs='+', metavar='KEY=VALUE', help='slurm: other options of sbatch: account=a qos=high'
    )


def _refuse_mixtures(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if not (args.config or args.exp or args.resume or args.list):
        parser.error('one of the arguments --config --exp --resume --list is required')
    for option in ('seeds', 'only', 'dry_run'):
        if getattr(args, option) and not args.exp:
            parser.error(f'--{option.replace("_", "-")} goes with --exp')
    if args.list and (args.config or args.resume):
        parser.error('--list goes with --exp, or alone')
    if args.exp and args.seed is not None:
        parser.error('--exp takes --seeds, for all of its runs')
    for option in ('partition', 'gpus_per_node', 'nodes', 'time', 'slurm_options'):
        if getattr(args, option) is not None and args.machine != 'slurm':
            parser.error(f'--{option.replace("_", "-")} goes with --machine slurm')
    if args.machine == 'slurm' and args.gpus is not None:
        parser.error('--machine slurm takes --gpus-per-node')
    if args.machine == 'slurm' and args.resume:
        parser.error('--resume goes on here; with --machine slurm, submit the same --exp again')


def resume(args: argparse.Namespace) -> int:
    """Go on with the run in ``args.resume`` from its newest state, or from the start if it has none."""
    if args.work_dir is not None:
        raise InputError('--resume goes on in the folder it names; leave --work-dir out.')
    work_dir = find_work_dir(args.resume)
    cfg = load_run(usable_config_of(work_dir), args)
    started = checkpoint_of(work_dir) is not None
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


def listing(rows: Sequence[Run]) -> str:
    """Name and published mIoU of every row."""
    width = max(len(row.name) for row in rows)
    lines = [f'{row.name:{width}}  {row.published}' for row in rows]
    return '\n'.join(
        [
            f'{"run":{width}}  published mIoU',
            *lines,
            f'{len(rows)} runs. Published: mean over seeds 0, 1 and 2; {NOT_PUBLISHED} not known.',
        ]
    )


def list_tables() -> str:
    """ID, number of runs and contents of every table."""
    lines = [f'{exp:9} {len(table(exp)):3}  {(table.__doc__ or "").strip()}' for exp, table in TABLES.items()]
    return '\n'.join([f'{"ID":8} runs', *lines])


def train_table(args: argparse.Namespace) -> int:
    """List, write, train or submit the runs of ``args.exp``."""
    rows = rows_of(args.exp, seeds=args.seeds, only=args.only)
    if args.list:
        print(listing(rows))
        return 0
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
        return train_and_report(cfg, work_dir=args.work_dir, allow_changes=args.allow_changes)
    if args.work_dir is not None:
        raise InputError('--machine slurm makes the folders of its runs; leave --work-dir out.')
    args.gpus = processes_of_a_run(args)
    return submit([load_run(args.config, args)], resources_of(args))


@command
def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    if args.resume:
        return resume(args)
    if args.config:
        return train_config(args)
    if args.exp:
        return train_table(args)
    print(list_tables())
    return 0


if __name__ == '__main__':
    leave(main())

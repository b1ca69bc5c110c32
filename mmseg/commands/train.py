"""Train what a config, a table of experiments, or an interrupted run describes.

    python run_experiments.py --config configs/toy/daformer.py
    python run_experiments.py --list
    python run_experiments.py --exp 1 --list
    python run_experiments.py --exp 1 --only dacs_segformer --seeds 0 1
    python run_experiments.py --exp 6 --machine slurm --partition gpu --time 24:00:00
    python run_experiments.py --resume work_dirs/local-toy/211108_1622_daformer_7f24c

Every run gets a work directory of its own, printed as a line ``work_dir: PATH``. A table is trained one run after the
other; a run that fails is recorded and the rest goes on. The same command again skips what is finished and goes on
with what was interrupted. ``mmseg train``, ``python experiments.py``, ``python -m tools.train``: the same command.
More in docs/experiments.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmseg import signals
from mmseg.config.tables import list_tables, listing, rows_of
from mmseg.errors import command
from mmseg.places import check_folder, home_expanded


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f'{__doc__}\ntables of --exp:\n{list_tables()}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument('config', nargs='?', type=Path, metavar='CONFIG', help='config file to train')
    what.add_argument('--config', dest='config_file', type=Path, metavar='CONFIG', help='the same')
    what.add_argument('--exp', metavar='ID', help='table of experiments to train, one run after the other')
    what.add_argument('--resume', metavar='WORK_DIR|NAME', help='interrupted run to go on with, by folder or name')
    parser.add_argument('--resume-from', type=Path, metavar='CKPT', help='CONFIG: go on from this state of a run')
    parser.add_argument('--load-from', metavar='CKPT', help='CONFIG: weights for the student to start from')
    add_training_options(parser)
    _add_table_options(parser.add_argument_group('tables of experiments'))
    _add_machine_options(parser.add_argument_group('where to train'))
    args = parser.parse_args(argv)
    args.config = args.config or args.config_file
    _refuse_mixtures(parser, args)
    return args


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`mmseg.engine.options.load_run` understands."""
    parser.add_argument(
        '--cfg-options',
        '--options',
        nargs='+',
        metavar='KEY=VALUE',
        help='override values of the config: runner.max_iters=100',
    )
    parser.add_argument('--seed', type=int, help='seed of the run')
    parser.add_argument('--no-validate', action='store_true', help='train without evaluations')
    parser.add_argument('--work-dir', type=Path, help='folder of the run (default: a new one in work_dirs/)')
    parser.add_argument(
        '--gpus', type=int, metavar='N', help='train on N GPUs of this machine, one process each; 0 = on the CPU'
    )
    parser.add_argument('--from-scratch', action='store_true', help='random weights instead of pretrained ones')
    parser.add_argument('--deterministic', action='store_true', help='the same bits each time on a GPU too; slower')
    parser.add_argument(
        '--trust', action='store_true', help='a .json config may run code (custom_imports): you know its origin'
    )
    parser.add_argument(
        '--allow-changes', action='store_true', help='resume with other settings than those of the checkpoint'
    )
    parser.add_argument('--debug', action='store_true', help='a short run: four iterations of everything')


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
        parser.error('one of the arguments CONFIG --config --exp --resume --list is required')
    for option in ('seeds', 'only', 'dry_run'):
        if getattr(args, option) and not args.exp:
            parser.error(f'--{option.replace("_", "-")} goes with --exp')
    if args.list and (args.config or args.resume):
        parser.error('--list goes with --exp, or alone')
    if args.exp and args.seed is not None:
        parser.error('--exp takes --seeds, for all of its runs')
    for option in ('resume_from', 'load_from'):
        if getattr(args, option) and (not args.config or args.machine == 'slurm'):
            parser.error(f'--{option.replace("_", "-")} goes with CONFIG, on this machine')
    for option in ('partition', 'gpus_per_node', 'nodes', 'time', 'slurm_options'):
        if getattr(args, option) is not None and args.machine != 'slurm':
            parser.error(f'--{option.replace("_", "-")} goes with --machine slurm')
    if args.machine == 'slurm' and args.gpus is not None:
        parser.error('--machine slurm takes --gpus-per-node')
    if args.machine == 'slurm' and args.resume:
        parser.error('--resume goes on here; with --machine slurm, submit the same --exp again')


@command
def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    args.work_dir = args.work_dir and home_expanded(args.work_dir)
    check_folder(args.work_dir)
    if args.list:
        print(listing(rows_of(args.exp, seeds=args.seeds, only=args.only)) if args.exp else list_tables())
        return 0
    with signals.while_starting():  # torch comes here, so that --help and --list need not wait for it
        from mmseg.engine import experiments  # noqa: PLC0415
    if args.resume:
        return experiments.resume(args)
    return experiments.train_table(args) if args.exp else experiments.train_config(args)


def run() -> None:
    """The command as a whole process, which may be one of several that end together."""
    signals.end_while_starting()
    code = main()
    if 'torch' not in sys.modules:  # there was no memory for it
        sys.exit(code)
    from mmseg.engine.distributed import leave  # noqa: PLC0415

    leave(code)

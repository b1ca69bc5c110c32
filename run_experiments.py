"""Train what a config, a table of experiments, or an interrupted run describes.

    python run_experiments.py --config configs/toy/daformer.py
    python run_experiments.py --exp toy
    python run_experiments.py --resume work_dirs/local-toy/211108_1622_daformer_7f24c

Every run gets a work directory of its own, printed as a line ``work_dir: PATH``.
"""

import argparse
import json
import sys
from pathlib import Path

from experiments import generate_experiment_cfgs
from mmseg.engine.options import add_training_options, load_run, train_and_report
from mmseg.engine.work_dir import checkpoint_of, config_of
from mmseg.errors import InputError, command

GENERATED = Path(__file__).resolve().parent / 'configs' / 'generated'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--config', type=Path, help='config file to train')
    what.add_argument('--exp', metavar='ID', help='table of experiments to train, one run after the other')
    what.add_argument('--resume', type=Path, metavar='WORK_DIR', help='interrupted run to go on with')
    add_training_options(parser)
    return parser.parse_args(argv)


def write_experiments(exp: str) -> list[Path]:
    """Write the configs of the table ``exp`` to ``configs/generated/<exp>/``, in its order."""
    folder = GENERATED / exp
    cfgs = generate_experiment_cfgs(exp)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f'{cfg["name"]}.json' for cfg in cfgs]
    for path, cfg in zip(paths, cfgs, strict=True):
        path.write_text(json.dumps(cfg, indent=2), encoding='utf-8')
    return paths


def resume(args: argparse.Namespace) -> int:
    """Go on with the run in ``args.resume`` from its newest state, or from the start if it has none."""
    work_dir = args.resume
    if args.work_dir is not None:
        raise InputError('--resume goes on in the folder it names; leave --work-dir out.')
    cfg = load_run(config_of(work_dir), args)
    checkpoint = checkpoint_of(work_dir)
    if checkpoint is None:
        print(f'{work_dir} holds no checkpoint: the run starts from the beginning.')
    return train_and_report(cfg, work_dir=work_dir, resume=checkpoint)


@command
def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    if args.resume:
        return resume(args)
    paths = [args.config] if args.config else write_experiments(args.exp)
    if args.work_dir is not None and len(paths) > 1:
        raise InputError(f'--work-dir names one folder, but --exp {args.exp} has {len(paths)} runs.')
    cfgs = [load_run(path, args) for path in paths]  # all are checked before the first is trained
    for cfg in cfgs:
        code = train_and_report(cfg, work_dir=args.work_dir)
        if code:
            return code
    return 0


if __name__ == '__main__':
    sys.exit(main())

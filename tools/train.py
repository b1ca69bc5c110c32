"""Train one config: ``python -m tools.train configs/toy/daformer.py --work-dir work_dirs/first``."""

if __name__ == '__main__':
    from mmseg.signals import end_while_starting

    end_while_starting()

import argparse
from pathlib import Path

from mmseg.engine.distributed import leave
from mmseg.engine.options import add_training_options, load_run, train_and_report
from mmseg.errors import command


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', type=Path, help='config file to train')
    parser.add_argument('--resume-from', type=Path, metavar='CKPT', help='state of an interrupted run to go on from')
    parser.add_argument('--load-from', metavar='CKPT', help='weights for the student to start from')
    add_training_options(parser)
    return parser.parse_args(argv)


@command
def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    cfg = load_run(args.config, args)
    if args.load_from:
        cfg.load_from = args.load_from
    return train_and_report(cfg, work_dir=args.work_dir, resume=args.resume_from, allow_changes=args.allow_changes)


if __name__ == '__main__':
    leave(main())

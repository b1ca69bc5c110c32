"""Run configs for two iterations on drawn data, one process each, and keep a table of what happened.

    python -m tools.smoke_configs [CONFIG ...]              # at full size
    python -m tools.smoke_configs [CONFIG ...] --crop 256   # smaller crops: on a CPU, a quarter of the time

Without arguments: every config in configs/daformer/. Networks start from scratch and nothing is saved but the logs.
What ran well with the settings it has now is not repeated, so a long table can be made in pieces.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.errors import command
from mmseg.places import check_folder


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run what has not run well yet and print the table; 1 if something failed."""
    args = parse_args(argv)
    check_folder(args.out)
    from tools.work.smoke_configs import run  # noqa: PLC0415 (--help needs no torch)

    return run(args)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='*', type=Path, metavar='CONFIG', help='default: configs/daformer/*.py')
    parser.add_argument('--iterations', type=int, default=2, metavar='N', help='default: %(default)s')
    parser.add_argument('--crop', type=int, metavar='SIDE', help='of the training crops; default: those of the config')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/smoke'), help='default: %(default)s')
    parser.add_argument('--again', action='store_true', help='also what ran well already')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())

"""Memory of a training step in fp32, counted from shapes: nothing is computed, and no GPU is needed.

python -m tools.step_memory [CONFIG] [--batch 2] [--side 512]
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.commands.arguments import positive
from mmseg.errors import command


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from tools.work.step_memory import run  # noqa: PLC0415 (--help needs no torch)

    run(args)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', type=Path, help="default: the paper's final run")
    parser.add_argument('--batch', type=positive, default=2, help='images of each domain (default: %(default)s)')
    parser.add_argument('--side', type=positive, default=512, help='of the crops, in pixels (default: %(default)s)')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())

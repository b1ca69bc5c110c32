"""Write docs/encoders.md: foundation encoders of timm, with what has to be known to use them.

    python -m tools.encoder_table [--only PATTERN]

What timm says of a network (patch, size, licence, mean and std), and what is counted from shapes: no download, no GPU.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.errors import command
from mmseg.places import check_file

DOCUMENT = Path('docs/encoders.md')


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Write the table."""
    args = parse_args(argv)
    check_file(args.out)
    from tools.work.encoder_table import run  # noqa: PLC0415 (--help needs no torch)

    run(args)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=DOCUMENT, help='default: %(default)s')
    parser.add_argument('--only', default='*', metavar='PATTERN', help='encoders whose name matches')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())

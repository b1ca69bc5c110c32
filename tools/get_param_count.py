"""Parameters and FLOPs of the networks of configs, part by part. Nothing is downloaded or computed: shapes suffice.

python -m tools.get_param_count CONFIG [CONFIG ...] --size 512 512

One multiply-add is 2 FLOPs, as PyTorch counts: matrix products, convolutions and attention, not what is done element
by element. Auxiliary heads work in training only; their parameters are listed, and they have no FLOPs in the total.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.errors import command


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from tools.work.get_param_count import run  # noqa: PLC0415 (--help needs no torch)

    run(args)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    parser.add_argument(
        '--size', nargs=2, type=int, default=[512, 512], metavar=('HEIGHT', 'WIDTH'), help='default: 512 512'
    )
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings that replace')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())

"""Write docs/models.md: every network with its parameters, its FLOPs, what a training step needs, and its weights.

    python -m tools.model_table

Everything is counted from shapes, the memory of a training step too (tools/step_memory.py): some minutes, no GPU.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.errors import command
from mmseg.places import check_file

DOCUMENT = Path('docs/models.md')


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Write the table."""
    args = parse_args(argv)
    check_file(args.out)
    from tools.work.model_table import run  # noqa: PLC0415 (--help needs no torch)

    run(args)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=DOCUMENT, help='default: %(default)s')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())

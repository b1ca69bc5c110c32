"""See what the encoder makes of two domains: its last features in a plane, coloured by class, marked by domain.

    python -m tools.features WORK_DIR --out features/
    python -m tools.features ORACLE_WORK_DIR --data UDA_WORK_DIR/run.json --method pca

writes ``features.npz`` (vectors, classes, domains, points) and ``features.png``. A point is a cell of the encoder's
coarsest map that shows one class only, equally many for each class and domain. Source: the labelled training images;
target: the test images, whose labels are used for nothing else than to colour the points (without labels, what the
network predicts colours them).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.errors import InputError, command
from mmseg.places import check_folder


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Write the vectors and the picture."""
    args = parse_args(argv)
    check_folder(args.out)
    if min(args.cells, args.images) < 1:
        raise InputError('--cells and --images have to be at least 1.')
    if args.seed < 0:
        raise InputError(f'--seed is {args.seed}; it has to be 0 or more.')
    from tools.work.features import run  # noqa: PLC0415 (--help needs no torch)

    run(args)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dir', type=Path, help='work directory of a run with a checkpoint')
    parser.add_argument('--data', type=Path, metavar='CONFIG', help='take both domains from this config')
    parser.add_argument('--method', choices=['tsne', 'pca'], default='tsne', help='default: %(default)s')
    parser.add_argument('--weights', choices=['student', 'teacher'])
    parser.add_argument('--stage', type=int, default=-1, help='of the encoder; -1, the default, is its bottleneck')
    parser.add_argument('--cells', type=int, default=100, help='of each class and domain (default: %(default)s)')
    parser.add_argument('--images', type=int, default=200, help='looked at in each domain (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument('--out', type=Path, default=Path('features'), help='folder (default: %(default)s)')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())

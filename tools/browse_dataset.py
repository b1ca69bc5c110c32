"""Draw what a config's pipelines really yield: the samples that training with this seed gets, in their order.

python -m tools.browse_dataset CONFIG [--out browse] [--count 8] [--split val]

Each picture shows a few samples: image and label behind all transforms, the label's colours over the image, and, for
an adaptation, the target image of the same sample. Below each picture's name its samples are listed with their files.
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
    args = parse_args(argv)
    check_folder(args.out)
    for option in ('count', 'rows'):
        if getattr(args, option) < 1:
            raise InputError(f'--{option} is at least 1.')
    if args.start < 0:
        raise InputError('--start is at least 0.')
    from tools.work.browse_dataset import run  # noqa: PLC0415 (--help needs no torch)

    run(args)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file (.py, or the .json of a work directory)')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='train', help='default: train')
    parser.add_argument('--out', type=Path, default=Path('browse'), help='folder to write (default: %(default)s)')
    parser.add_argument('--start', type=int, default=0, help='first sample (default: 0)')
    parser.add_argument('--count', type=int, default=8, help='number of samples (default: 8)')
    parser.add_argument('--rows', type=int, default=4, help='samples in one picture (default: 4)')
    parser.add_argument('--seed', type=int, help="of the run; default: the config's, else 0")
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings that replace')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())

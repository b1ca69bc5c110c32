"""Write the toy pair, two small domains of drawn street scenes, in the layouts of GTA and Cityscapes.

python -m tools.make_toy [--out data/toy] [--seed 0] [--width 256]
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from mmseg.commands.arguments import natural, positive
from mmseg.datasets.toy import ToyParams, is_written, write_toy
from mmseg.errors import command

LEAST_WIDTH = 64  # below that, things are less than a pixel wide


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=Path('data/toy'), help='folder to write (default: %(default)s)')
    parser.add_argument('--seed', type=natural, default=0, help='other seeds draw other streets (default: %(default)s)')
    for name, what in (('source', 'game'), ('train', 'camera training'), ('val', 'camera validation')):
        default = getattr(ToyParams(), name)
        parser.add_argument(f'--{name}', type=positive, default=default, help=f'{what} pictures (default: {default})')
    parser.add_argument(
        '--width', type=even, default=ToyParams().width, help='of pictures, twice their height (default: %(default)s)'
    )
    return parser.parse_args(argv)


def even(text: str) -> int:
    """An even number from 64 on, as an argument of a command."""
    width = positive(text)
    if width % 2 or width < LEAST_WIDTH:
        raise argparse.ArgumentTypeError(f'{text} is no even number from {LEAST_WIDTH} on')
    return width


@command
def main(argv: list[str] | None = None) -> None:
    """Write the pair unless it is there already."""
    args = parse_args(argv)
    params = ToyParams(
        seed=args.seed,
        source=args.source,
        train=args.train,
        val=args.val,
        width=args.width,
        height=args.width // 2,
    )
    make(args.out, params)


def make(out: Path, params: ToyParams) -> None:
    """Bring ``out`` to hold the pair of ``params``, with a progress bar, or say that it does."""
    if is_written(out, params):
        print(f'{out} is complete: nothing to do.')
        return
    total = params.source + params.train + params.val
    for _ in tqdm(write_toy(out, params), total=total, desc='drawing', unit='picture', disable=None):
        pass
    print(f'{out}/gta: {params.source} labelled game pictures')
    print(f'{out}/cityscapes: {params.train} camera pictures for training, {params.val} for validation')


if __name__ == '__main__':
    raise SystemExit(main())

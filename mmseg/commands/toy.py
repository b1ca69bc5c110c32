"""Write the toy pair, two small domains of drawn street scenes, in the layouts of GTA and Cityscapes.

    mmseg toy            draws data/toy and converts its labels: what configs/toy train on
    mmseg toy --out other --seed 1 --width 256

``python -m tools.make_toy``: the same.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from mmseg.commands import convert
from mmseg.commands.arguments import natural, positive
from mmseg.errors import command
from mmseg.places import check_folder
from mmseg.toy_params import ToyParams

LEAST_WIDTH = 64  # below that, things are less than a pixel wide
PROCESSES = min(8, os.cpu_count() or 1)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
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
def main(argv: Sequence[str] | None = None) -> int:
    """Write the pair, and train ids and class index beside it, unless they are there already."""
    args = parse_args(argv)
    check_folder(args.out)
    params = ToyParams(
        seed=args.seed,
        source=args.source,
        train=args.train,
        val=args.val,
        width=args.width,
        height=args.width // 2,
    )
    draw(args.out, params)
    return converted(args.out)


def draw(out: Path, params: ToyParams) -> None:
    """Bring ``out`` to hold the pair of ``params``, with a progress bar, or say that it does."""
    from mmseg.datasets.toy import is_written, write_toy  # noqa: PLC0415 (--help needs none of it)

    if is_written(out, params):
        print(f'{out} is complete: nothing to do.')
        return
    for _ in write_toy(out, params, nproc=PROCESSES):
        pass
    print(f'{out}/gta: {params.source} labelled game pictures')
    print(f'{out}/cityscapes: {params.train} camera pictures for training, {params.val} for validation')


def converted(out: Path, nproc: int = 1) -> int:
    """Convert what has no class index yet, which converters write last; the exit code."""
    from mmseg.datasets.class_index import STATS  # noqa: PLC0415

    code = 0
    for name in ('gta', 'cityscapes'):
        root = out / name
        if (root / STATS).is_file():
            print(f'{root} is converted: nothing to do.')
        else:
            code = convert.main([name, str(root), '--nproc', str(nproc)]) or code
    return code

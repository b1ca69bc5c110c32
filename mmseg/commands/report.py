"""One page about many runs: results over seeds, curves, pictures, differences.

    mmseg report work_dirs/local-toy --out report/
    mmseg report DAFormer=RUN_S0 DAFormer=RUN_S1 source-only=OTHER --predict
    mmseg report work_dirs/local-toy --format latex > table.tex
    mmseg report RUN OTHER_RUN --format compare

Each argument is a work directory, or a folder of them. Runs that differ in nothing but the seed are one experiment;
so are those that are given one NAME. The page is one file and needs no network. See docs/report.md.
``python -m tools.report``: the same.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmseg.commands.arguments import natural
from mmseg.errors import InputError, command, printable
from mmseg.places import check_folder

if TYPE_CHECKING:
    from mmseg.report.runs import Run

TABLES = ('csv', 'latex', 'markdown')  # the names of mmseg.report.results.FORMATS


def named_folder(text: str) -> tuple[str, Path]:
    """``NAME=WORK_DIR``, or a folder whose runs are named by their configs ('')."""
    name, separator, folder = text.partition('=')
    return (name, Path(folder)) if separator else ('', Path(text))


def title_of(folders: Sequence[tuple[str, Path]]) -> str:
    """What a page about these is called: their names, of more than three the first and how many others."""
    names = list(dict.fromkeys(name or folder.resolve().name for name, folder in folders))
    return ', '.join(names) if len(names) <= 3 else f'{names[0]} and {len(names) - 1} others'


def read_runs(folders: Sequence[tuple[str, Path]]) -> 'tuple[list[Run], list[str]]':
    """The runs in work directories, and why those that cannot be read are left out.

    Raises:
        InputError: none can be read.
    """
    from mmseg.report.runs import read_run  # noqa: PLC0415 (heavy)

    runs, left_out = [], []
    for name, folder in folders:
        try:
            runs.append(read_run(folder, name))
        except InputError as error:
            left_out.append(str(error))
            print(f'left out: {printable(error)}', file=sys.stderr)
    if not runs:
        raise InputError('No run is left to report on.')
    return runs, left_out


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Write the page, or print a table."""
    args = parse_args(argv)
    if args.format == 'html':
        check_folder(args.out)
    from mmseg.report.compare import as_text  # noqa: PLC0415 (--help needs no torch)
    from mmseg.report.gallery import build_gallery  # noqa: PLC0415
    from mmseg.report.html import write_page  # noqa: PLC0415
    from mmseg.report.results import FORMATS  # noqa: PLC0415
    from mmseg.report.runs import experiments_of, find_work_dirs  # noqa: PLC0415

    runs, left_out = read_runs(find_work_dirs(args.runs))
    experiments = experiments_of(runs)
    if args.format != 'html':
        print(printable({**FORMATS, 'compare': as_text}[args.format](experiments)), end='')
        return
    gallery = build_gallery(experiments, count=args.images, predict=args.predict)
    for note in gallery.notes:
        print(printable(note), file=sys.stderr)
    print(
        write_page(
            args.out / 'index.html', experiments, gallery, title=args.title or title_of(args.runs), left_out=left_out
        )
    )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', type=named_folder, metavar='[NAME=]WORK_DIR')
    parser.add_argument('--out', type=Path, default=Path('report'), help='folder of index.html (default: %(default)s)')
    parser.add_argument('--title', help='head of the page (default: the names of runs or folders)')
    parser.add_argument(
        '--format',
        choices=['html', *TABLES, 'compare'],
        default='html',
        help='others print: a table, or what configs and environments do not share',
    )
    parser.add_argument(
        '--images', type=natural, default=6, help='pictures of each target (default: %(default)s; 0: none)'
    )
    parser.add_argument('--predict', action='store_true', help='predict where test.sh has left no predictions')
    return parser.parse_args(argv)

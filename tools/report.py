"""One page about many runs: results over seeds, curves, pictures, differences.

    python -m tools.report work_dirs/local-toy --out report/
    python -m tools.report DAFormer=RUN_S0 DAFormer=RUN_S1 source-only=OTHER --predict
    python -m tools.report work_dirs/local-toy --format latex > table.tex
    python -m tools.report RUN OTHER_RUN --format compare

Each argument is a work directory, or a folder of them. Runs that differ in nothing but the seed are one experiment;
so are those that are given one NAME. The page is one file and needs no network. See docs/report.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmseg.errors import InputError, command, printable
from mmseg.report.compare import as_text
from mmseg.report.gallery import build_gallery
from mmseg.report.html import write_page
from mmseg.report.results import FORMATS as TABLES
from mmseg.report.runs import Run, experiments_of, find_work_dirs, read_run

FORMATS = {**TABLES, 'compare': as_text}


def named_folder(text: str) -> tuple[str, Path]:
    """``NAME=WORK_DIR``, or a folder whose runs are named by their configs ('')."""
    name, separator, folder = text.partition('=')
    return (name, Path(folder)) if separator else ('', Path(text))


def read_runs(folders: Sequence[tuple[str, Path]]) -> tuple[list[Run], list[str]]:
    """The runs in work directories, and why those that cannot be read are left out.

    Raises:
        InputError: none can be read.
    """
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', type=named_folder, metavar='[NAME=]WORK_DIR')
    parser.add_argument('--out', type=Path, default=Path('report'), help='folder of index.html (default: %(default)s)')
    parser.add_argument('--title', default='Experiments', help='head of the page (default: %(default)s)')
    parser.add_argument(
        '--format',
        choices=['html', *FORMATS],
        default='html',
        help='others print: a table, or what configs and environments do not share',
    )
    parser.add_argument('--images', type=int, default=6, help='pictures of each target (default: %(default)s; 0: none)')
    parser.add_argument('--predict', action='store_true', help='predict where test.sh has left no predictions')
    args = parser.parse_args(argv)
    if args.images < 0:
        raise InputError(f'--images is {args.images}; it has to be 0 or more.')
    runs, left_out = read_runs(find_work_dirs(args.runs))
    experiments = experiments_of(runs)
    if args.format != 'html':
        print(printable(FORMATS[args.format](experiments)), end='')
        return
    gallery = build_gallery(experiments, count=args.images, predict=args.predict)
    for note in gallery.notes:
        print(printable(note), file=sys.stderr)
    print(write_page(args.out / 'index.html', experiments, gallery, title=args.title, left_out=left_out))


if __name__ == '__main__':
    sys.exit(main())

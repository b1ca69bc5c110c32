"""Test finished runs on the same images: one table, one picture.

    mmseg compare source-only=WORK_DIR DAFormer=WORK_DIR oracle=WORK_DIR --out work_dirs/comparison

writes ``table.txt`` and ``panel.png`` (a row per image: image, ground truth, the predictions). The images are those
of the first run's test data that show the most classes; of several sets each has a table and ``NAME.png``.
``python -m tools.compare_runs``: the same.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmseg.commands.arguments import named_run, told_apart
from mmseg.errors import command
from mmseg.places import check_folder
from mmseg.writing import write_text


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_folder(args.out)
    from mmseg.report.comparison import compare  # noqa: PLC0415 (--help needs no torch)

    made = compare(told_apart(args.runs), count=args.images)
    text = '\n\n'.join(f'{one.title()}:\n{one.table()}' for one in made)
    write_text(args.out / 'table.txt', text + '\n')
    print(text)
    for one in made:
        print(one.draw(args.out / f'{one.name or "panel"}.png', images=not args.predictions_only))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', type=named_run, metavar='[NAME=]WORK_DIR')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/comparison'), help='default: %(default)s')
    parser.add_argument('--images', type=int, default=4, help='how many are drawn (default: %(default)s)')
    parser.add_argument('--predictions-only', action='store_true', help='leave images and ground truth out')
    return parser.parse_args(argv)

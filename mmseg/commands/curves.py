"""Draw curves from the logs of one or several runs.

    mmseg curves work_dirs/local-toy/* --keys mIoU loss lr --out curves.png
    mmseg curves DAFormer=WORK_DIR source-only=OTHER --keys 'IoU.rider' decode.loss_seg
    mmseg curves DAFormer=RUN_S0 DAFormer=RUN_S1 DAFormer=RUN_S2

Each run is a work directory (all of its logs, also those after a resume) or a ``.log.json`` file. Runs that are given
one NAME are seeds of one setting: the line is their mean, and a band spans the lowest to the highest.
``python -m tools.analyze_logs``: the same.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmseg.commands.report import named_folder
from mmseg.errors import InputError, command
from mmseg.places import check_file
from mmseg.report.logs import DEFAULT_KEYS, LOG_END, PATTERN, Log, check_keys, known_keys, log_files, read_log


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Write the picture, or list what could be drawn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', type=named_folder, metavar='[NAME=]WORK_DIR')
    parser.add_argument('--keys', nargs='+', metavar='KEY', help=f'default: {" ".join(DEFAULT_KEYS)}, where logged')
    parser.add_argument('--out', type=Path, default=Path('curves.png'), help='default: %(default)s')
    parser.add_argument('--list', action='store_true', help='only list what is logged')
    args = parser.parse_args(argv)
    if not args.list:
        check_file(args.out)
    runs = [run for run in args.runs if may_be_run(run[1])]
    if not runs:
        raise InputError(f'{args.runs[0][1]} is no work directory, and none of the others is.')
    settings = logs_by_name(runs)
    logs = [log for seeds in settings.values() for log in seeds]
    known = known_keys(logs)
    if not known:
        raise InputError('The logs hold no numbers yet.')
    if args.list:
        print('\n'.join(known))
        return
    keys = args.keys or [key for key in DEFAULT_KEYS if key in known]
    check_keys(keys, logs)
    from mmseg.report.curves import draw_curves  # noqa: PLC0415 (--help needs no matplotlib)

    print(draw_curves(settings, keys, args.out))


def logs_by_name(runs: Sequence[tuple[str, Path]]) -> dict[str, list[Log]]:
    """The logs of runs by the NAME that they were given, or by that of their folder.

    Raises:
        InputError: a folder's name is that of another run too.
    """
    names = [name or path.name for name, path in runs]
    if any(not given and names.count(name) > 1 for name, (given, _) in zip(names, runs, strict=True)):
        raise InputError('Several runs have the same name; tell them apart: NAME=WORK_DIR.')
    found: dict[str, list[Log]] = {}
    for name, (_, path) in zip(names, runs, strict=True):
        found.setdefault(name, []).append(read_log(log_files(path)))
    return found


def may_be_run(path: Path) -> bool:
    """False for what a pattern such as work_dirs/local-toy/* has brought along and is no run; it is told."""
    if path.is_dir() and not any(path.glob(PATTERN)):
        print(f'{path} is left out: no log ({LOG_END}) lies in it.', file=sys.stderr)
        return False
    if path.is_file() and not path.name.endswith(LOG_END):
        print(f'{path} is left out: it is no log ({LOG_END}).', file=sys.stderr)
        return False
    return True

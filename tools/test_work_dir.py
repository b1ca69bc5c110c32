"""Evaluate the work directory of a run and write its predictions to WORK_DIR/preds/; test.sh calls this.

python tools/test_work_dir.py WORK_DIR [options of tools/test.py]
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.errors import InputError, command
from tools import test

USAGE = 'usage: sh test.sh WORK_DIR [options of tools/test.py]'


class Run(NamedTuple):
    """The files of a finished run."""

    config: Path
    checkpoint: Path


@command
def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0].startswith('-'):
        print(USAGE)
        return 0 if arguments[:1] in (['-h'], ['--help']) else 2
    work_dir = Path(arguments[0])
    run = find_run(work_dir)
    print(f'Config: {run.config}\nCheckpoint: {run.checkpoint}')
    shown = ['--eval', 'mIoU', '--show-dir', str(work_dir / 'preds'), '--opacity', '1']
    return test.main([str(run.config), str(run.checkpoint), *shown, *arguments[1:]])


def find_run(work_dir: Path) -> Run:
    """Config and newest checkpoint in the work directory of a run.

    Raises:
        InputError: there is no such directory, or one of them is not in it.
    """
    if not work_dir.is_dir():
        raise InputError(f'Work directory {work_dir} does not exist.')
    return Run(find_config(work_dir), find_checkpoint(work_dir))


def find_config(work_dir: Path) -> Path:
    """The config a run saved: ``<name of the run>.json``, also when the directory has another name by now.

    Raises:
        InputError: there is none, or there are several and none is named like the directory.
    """
    named = work_dir / f'{work_dir.resolve().name}.json'
    if named.is_file():
        return named
    for pattern in ('*.json', '*.py'):
        found = sorted(path for path in work_dir.glob(pattern) if not path.name.endswith('.log.json'))
        if len(found) > 1:
            names = ', '.join(path.name for path in found)
            raise InputError(f'{work_dir} holds several configs ({names}); name one: python -m tools.test CONFIG CKPT')
        if found:
            return found[0]
    raise InputError(f'{work_dir} holds no config (<name of the run>.json). Is it the work directory of a run?')


def find_checkpoint(work_dir: Path) -> Path:
    """``latest.pth``, or the ``iter_N.pth`` of the highest N: links break when a directory is moved.

    Raises:
        InputError: there is neither.
    """
    latest = work_dir / 'latest.pth'
    if latest.is_file():
        return latest
    numbered = {int(n[1]): path for path in work_dir.glob('iter_*.pth') if (n := re.search(r'iter_(\d+)', path.name))}
    if numbered:
        return numbered[max(numbered)]
    broken = f'; latest.pth there is a broken link to {latest.readlink()}' if latest.is_symlink() else ''
    raise InputError(f'{work_dir} holds no checkpoint (latest.pth or iter_N.pth){broken}. Has the run saved one yet?')


if __name__ == '__main__':
    sys.exit(main())

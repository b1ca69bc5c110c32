"""Evaluate the work directory of a run and write its predictions to WORK_DIR/preds/; test.sh calls this.

python tools/test_work_dir.py WORK_DIR [options of tools/test.py]
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.engine.recovery import usable_config_of
from mmseg.engine.work_dir import require_checkpoint
from mmseg.errors import command
from tools import test

USAGE = 'usage: sh test.sh WORK_DIR [options of tools/test.py]'


@command
def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0].startswith('-'):
        print(USAGE)
        return 0 if arguments[:1] in (['-h'], ['--help']) else 2
    work_dir = Path(arguments[0])
    config, checkpoint = usable_config_of(work_dir), require_checkpoint(work_dir)
    print(f'Config: {config}\nCheckpoint: {checkpoint}')
    shown = ['--eval', 'mIoU', '--show-dir', str(work_dir / 'preds'), '--opacity', '1']
    return test.main([str(config), str(checkpoint), *shown, *arguments[1:]])


if __name__ == '__main__':
    sys.exit(main())

"""Door to :mod:`mmseg.commands.submit`: python -m tools.submit WORK_DIR --benchmark NAME --out x.zip."""

import sys
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.commands.submit import main

if __name__ == '__main__':
    sys.exit(main())

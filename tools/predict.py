"""Door to :mod:`mmseg.commands.predict`: python -m tools.predict SRC... WORK_DIR --out DIR."""

import sys
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.commands.predict import main

if __name__ == '__main__':
    sys.exit(main())

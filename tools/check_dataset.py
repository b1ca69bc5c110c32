"""Door to :mod:`mmseg.commands.check`; python -m tools.check_dataset --help says what it does."""

import sys
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.commands.check import main

if __name__ == '__main__':
    sys.exit(main())

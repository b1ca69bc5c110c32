"""Door to :mod:`mmseg.commands.train`: ``python -m tools.train CONFIG``; --help says what else it does."""

import sys
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.commands.train import main, run

__all__ = ['main']

if __name__ == '__main__':
    run()

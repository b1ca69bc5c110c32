"""Door to :mod:`mmseg.commands.demo`, the command ``mmseg demo``; --help says what it does."""

import sys
from pathlib import Path

if __name__ == '__main__' and not __package__:  # as a plain script: demo/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.cli import door
from mmseg.commands.demo import main

__all__ = ['main']

if __name__ == '__main__':
    door('demo')

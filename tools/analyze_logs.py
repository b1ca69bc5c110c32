"""Door to :mod:`mmseg.commands.curves`, the command ``mmseg curves``; --help says what it does."""

import sys
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.cli import door
from mmseg.commands.curves import main

__all__ = ['main']

if __name__ == '__main__':
    door('curves')

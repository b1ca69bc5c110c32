"""Door to :mod:`mmseg.commands.benchmark`, the command ``mmseg benchmark``; --help says what it does."""

import sys
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/benchmark/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from mmseg.cli import door
from mmseg.commands.benchmark import main

__all__ = ['main']

if __name__ == '__main__':
    door('benchmark')

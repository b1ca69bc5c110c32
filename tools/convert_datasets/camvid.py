"""Door to :mod:`mmseg.commands.convert`, the command ``mmseg convert camvid``; --help says what it does."""

import sys
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/convert_datasets/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from mmseg.cli import door
from mmseg.commands.convert import camvid as main

__all__ = ['main']

if __name__ == '__main__':
    door('convert', 'camvid')

"""``python -m mmseg COMMAND``, and as a plain script from any folder, without an installation."""

import sys
from pathlib import Path

if __name__ == '__main__' and not __package__:  # as a plain script: this folder is on the path instead of its parent
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.cli import main

if __name__ == '__main__':
    main()

"""Print a config as a run would see it: bases merged, overrides applied, old spellings translated, defaults filled.

    python -m tools.print_config configs/daformer/NAME.py --cfg-options runner.max_iters=2 uda.alpha=0.99

The same as ``mmseg config show``. A config that cannot be run ends with its mistake and 2.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.commands.config import add_show_arguments, show
from mmseg.errors import command


@command
def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_show_arguments(parser)
    show(parser.parse_args(argv))


if __name__ == '__main__':
    sys.exit(main())

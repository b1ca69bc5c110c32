"""Write docs/config_keys.md: every key that a config may have, from the constructors and their docstrings.

    python -m tools.config_keys [--out FILE]

`make docs` calls it: the page is as new as the code and is not kept.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.errors import command
from mmseg.places import check_file
from mmseg.writing import write_text

PAGE = Path(__file__).resolve().parents[1] / 'docs' / 'config_keys.md'


@command
def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=PAGE, help='default: docs/config_keys.md')
    args = parser.parse_args(argv)
    check_file(args.out)
    from tools.work.config_keys import page  # noqa: PLC0415 (--help needs no torch)

    write_text(args.out, page())
    print(args.out)


if __name__ == '__main__':
    sys.exit(main())

"""Measure speed: a table, and JSON with ``--out``.

python -m tools.benchmark data
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mmseg.errors import command
from tools.benchmark import data, evaluation, startup
from tools.benchmark.alternate import rows_as_text

COMMANDS = {'data': data, 'eval': evaluation, 'startup': startup}


@command
def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    for name, module in COMMANDS.items():
        one = commands.add_parser(name, help=str(module.__doc__).splitlines()[0], description=module.__doc__)
        module.add_arguments(one)
        one.add_argument('--out', type=Path, help='write the measurement to this JSON file')
    args = parser.parse_args(argv)
    measured = COMMANDS[args.command].run(args)
    for key in ('rows', 'stages'):
        if key in measured:
            print(rows_as_text(args.command, measured[key]))
    print(', '.join(f'{key}: {value}' for key, value in measured.items() if key not in ('rows', 'stages')))
    if args.out:
        args.out.write_text(json.dumps(measured, indent=2) + '\n')


if __name__ == '__main__':
    sys.exit(main())

"""Measure this code on this machine, print a table, write JSON.

    mmseg benchmark step --model mit_b0 --size 256 --batch 2 --settings fast plain
    mmseg benchmark all --out benchmark.json

``all`` runs every measurement with the settings that suit the machine; one that cannot run here says why, and the
others go on. ``python -m tools.benchmark``: the same.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmseg.benchmark.options import MEASUREMENTS
from mmseg.errors import command
from mmseg.places import check_file
from mmseg.writing import write_text

TABLES = ('rows', 'stages')


@command
def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    check_file(args.out)
    if args.measurement == 'all':
        results = run_all(args.out)
    else:
        results = {args.measurement: run_one(args.measurement, args)}
        write(results, args.out)
    return 1 if any('not measured' in result for result in results.values()) else 0


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='measurement', required=True)
    for name, add_arguments in MEASUREMENTS.items():
        sub = commands.add_parser(name, help=add_arguments.__doc__)
        add_arguments(sub)
        sub.add_argument('--out', type=Path, help='write the result as JSON to this file')
    every = commands.add_parser('all', help='every measurement, with the settings that suit the machine')
    every.add_argument('--out', type=Path, help='write the results as JSON to this file')
    return parser.parse_args(argv)


def run_one(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """The result of a measurement, printed as tables; it may change the number of threads, which is put back."""
    import torch  # noqa: PLC0415 (--help needs none of it)

    from mmseg.benchmark._table import table  # noqa: PLC0415

    threads = torch.get_num_threads()
    try:
        result = importlib.import_module(f'mmseg.benchmark.{name}').run(args)
    finally:
        torch.set_num_threads(threads)
    print(f'\n{name}: {result.get("title", "")}')
    for key in TABLES:
        if key in result:
            print(f'\n{table(result[key])}', flush=True)
    return result


def run_all(out: Path | None) -> dict[str, Any]:
    """Every measurement with its default settings; what cannot run here is ``{'not measured': reason}``.

    What is there is written to ``out`` after each, so that an interruption loses one at most.
    """
    results: dict[str, Any] = {}
    for name, add_arguments in MEASUREMENTS.items():
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        try:
            results[name] = run_one(name, parser.parse_args([]))
        except Exception as error:  # whatever it is: the others are to run
            results[name] = {'not measured': f'{type(error).__name__}: {error}'}
            print(f'\n{name}: not measured: {error}', file=sys.stderr, flush=True)
        write(results, out)
    return results


def write(results: dict[str, Any], out: Path | None) -> None:
    """Results and the machine they are of, as JSON."""
    from mmseg.benchmark._machine import machine  # noqa: PLC0415 (heavy)

    if out:
        write_text(out, json.dumps({'machine': machine(), **results}, indent=2) + '\n')

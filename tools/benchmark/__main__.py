"""Measure, print a table, write JSON.

    python -m tools.benchmark step --model mit_b0 --size 256 --batch 2 --settings fast plain
    python -m tools.benchmark all --out benchmark.json

``all`` runs every measurement with the settings that suit the machine; one that cannot run here says why, and the
others go on.
"""

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from mmseg.errors import InputError, command
from tools import benchmark
from tools.benchmark._machine import machine
from tools.benchmark._table import table

TABLES = ('rows', 'stages')


def measurements() -> dict[str, ModuleType]:
    """Every measurement by its name."""
    names = [module.name for module in pkgutil.iter_modules(benchmark.__path__) if not module.name.startswith('_')]
    return {name: importlib.import_module(f'tools.benchmark.{name}') for name in sorted(names)}


def run_one(name: str, module: ModuleType, args: argparse.Namespace) -> dict[str, Any]:
    """The result of a measurement, printed as tables; it may change the number of threads, which is put back."""
    threads = torch.get_num_threads()
    try:
        result = module.run(args)
    finally:
        torch.set_num_threads(threads)
    print(f'\n{name}: {result.get("title", "")}')
    for key in TABLES:
        if key in result:
            print(f'\n{table(result[key])}', flush=True)
    return result


def run_all(modules: dict[str, ModuleType], out: Path | None) -> dict[str, Any]:
    """Every measurement with its default settings; what cannot run here is ``{'not measured': reason}``.

    What is there is written to ``out`` after each, so that an interruption loses one at most.
    """
    results: dict[str, Any] = {}
    for name, module in modules.items():
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        try:
            results[name] = run_one(name, module, parser.parse_args([]))
        except Exception as error:  # whatever it is: the others are to run
            results[name] = {'not measured': f'{type(error).__name__}: {error}'}
            print(f'\n{name}: not measured: {error}', file=sys.stderr, flush=True)
        write(results, out)
    return results


def write(results: dict[str, Any], out: Path | None) -> None:
    """Results and the machine they are of, as JSON."""
    if out:
        out.write_text(json.dumps({'machine': machine(), **results}, indent=2) + '\n', encoding='utf-8')


@command
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog='python -m tools.benchmark', description=__doc__.split('\n', maxsplit=1)[0])
    commands = parser.add_subparsers(dest='measurement', required=True)
    modules = measurements()
    for name, module in modules.items():
        sub = commands.add_parser(name, help=module.__doc__.split('\n', maxsplit=1)[0])
        module.add_arguments(sub)
        sub.add_argument('--out', type=Path, help='write the result as JSON to this file')
    every = commands.add_parser('all', help='every measurement, with the settings that suit the machine')
    every.add_argument('--out', type=Path, help='write the results as JSON to this file')
    args = parser.parse_args(argv)
    if args.out and not args.out.parent.is_dir():
        raise InputError(f'--out {args.out}: the folder {args.out.parent} does not exist.')
    if args.out and args.out.is_dir():
        raise InputError(f'--out {args.out} is a folder; name a file.')
    if args.measurement == 'all':
        results = run_all(modules, args.out)
    else:
        results = {args.measurement: run_one(args.measurement, modules[args.measurement], args)}
        write(results, args.out)
    return 1 if any('not measured' in result for result in results.values()) else 0


if __name__ == '__main__':
    sys.exit(main())

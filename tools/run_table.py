"""Train configs with several seeds, one after another, and keep a table of what came out.

    python -m tools.run_table docs/data/camvid.json configs/camvid/*.py --seeds 0 1 2

Each finished run is added to the JSON file at once; runs that stand there already are skipped, so a long table can
be made in pieces. To repeat runs, name another file. The table (mean and spread over seeds) of the given configs, in
their order, or of the whole file, is printed at the end, or alone with ``--print``; ``--plot`` draws their classes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.commands.arguments import configs_by_name
from mmseg.errors import InputError, command
from mmseg.places import check_file
from mmseg.report.logs import last_evaluation, percent
from mmseg.writing import write_text

REPOSITORY = Path(__file__).resolve().parents[1]


def read_table(path: Path) -> list[dict]:
    """The runs recorded so far; an absent file is an empty table.

    Raises:
        InputError: the file holds something else.
    """
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise InputError(f'{path} is no table of runs: {error}') from error
    if not (isinstance(rows, list) and all(isinstance(row, dict) and 'config' in row for row in rows)):
        raise InputError(f'{path} is no table of runs: it has to be a list of objects with a "config".')
    return rows


def write_table(path: Path, rows: list[dict]) -> None:
    """Replace the file in one step, so that an interruption leaves the old or the new one."""
    write_text(path, json.dumps(rows, indent=1) + '\n')


def train(config: Path, seed: int, options: list[str]) -> dict:
    """One run through the command that users call; its row of the table."""
    call = [sys.executable, 'run_experiments.py', '--config', str(config), '--seed', str(seed)]
    call += ['--cfg-options', *options] if options else []
    start = time.monotonic()
    process = subprocess.Popen(call, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    work_dir = None
    for line in process.stdout or ():
        print(line, end='', flush=True)
        if line.startswith('work_dir: '):
            work_dir = Path(line.removeprefix('work_dir: ').strip())
    if process.wait() != 0 or work_dir is None:
        raise InputError(f'{" ".join(call[1:])} failed with exit code {process.returncode}; see its output above')
    minutes = round((time.monotonic() - start) / 60, 2)
    said = {'options': options} if options else {}
    return {'config': config.stem, 'seed': seed, **said, 'minutes': minutes, **last_evaluation(REPOSITORY / work_dir)}


def recorded(table: Path, config: str, seed: int, options: list[str]) -> bool:
    """Whether the table has this run.

    Raises:
        InputError: it has one of this config and seed with other options, so that both would look the same in it.
    """
    for row in read_table(table):
        if (row['config'], row['seed']) == (config, seed):
            if row.get('options', []) != options:
                held = ' '.join(row.get('options', [])) or 'none'
                raise InputError(
                    f'{table} has a run of {config}, seed {seed}, with other --cfg-options ({held}); name another file.'
                )
            return True
    return False


def of_configs(rows: list[dict], configs: Sequence[str]) -> list[dict]:
    """The rows of the configs, in the order of these; all rows where none is named."""
    return [row for config in configs for row in rows if row['config'] == config] if configs else rows


def summary(rows: Iterable[dict]) -> str:
    """Markdown: one line a config, mIoU in percent per seed, mean and standard deviation."""
    by_config: dict[str, list[dict]] = {}
    for row in rows:
        by_config.setdefault(row['config'], []).append(row)
    lines = ['| config | mIoU by seed | mean | std | minutes a run |', '| --- | --- | ---: | ---: | ---: |']
    for config, runs in by_config.items():
        by_seed = {run['seed']: percent(run['mIoU']) for run in sorted(runs, key=lambda run: run['seed'])}
        scores = list(by_seed.values())
        spread = f'{statistics.stdev(scores):.1f}' if len(scores) > 1 else '-'
        seeds = ', '.join(f'{seed}: {score:.1f}' for seed, score in by_seed.items())
        minutes = statistics.mean(run['minutes'] for run in runs)
        lines.append(f'| {config} | {seeds} | {statistics.mean(scores):.1f} | {spread} | {minutes:.1f} |')
    return '\n'.join(lines)


@command
def main(argv: list[str] | None = None) -> None:
    """Run what is missing in the table, then print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('table', type=Path, help='JSON file to read and add to')
    parser.add_argument('configs', type=Path, nargs='*')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE')
    parser.add_argument('--print', action='store_true', help='only print the table')
    parser.add_argument('--plot', type=Path, metavar='PNG', help='draw the IoU of every class')
    parser.add_argument('--names', nargs='+', default=[], help='what the configs are called in the picture')
    args = parser.parse_args(argv)
    check_file(args.table)
    check_file(args.plot)
    configs = list(configs_by_name(args.configs))
    if args.names and len(args.names) != len(configs):
        raise InputError(f'--names has {len(args.names)} names for {len(configs)} configs: give one for each.')
    for seed in args.seeds if not args.print else []:
        for config in args.configs:
            if recorded(args.table, config.stem, seed, args.cfg_options):
                print(f'{config.stem}, seed {seed}: already in {args.table}')
                continue
            row = train(config, seed, args.cfg_options)
            write_table(args.table, [*read_table(args.table), row])  # read again: others may have added meanwhile
    rows = of_configs(read_table(args.table), configs)
    print(summary(rows))
    if args.plot:
        from tools.work.run_table import draw  # noqa: PLC0415 (slow import)

        draw(rows, args.plot, dict(zip(configs, args.names, strict=False)))


if __name__ == '__main__':
    sys.exit(main())

"""See the whole method work in minutes: draw the toy pair, convert it, train three times, compare.

    mmseg quickstart

Source-only, DAFormer and oracle are one network trained for equally many iterations, with what each may see. Steps
that are finished are skipped, so an interrupted quickstart can be started again.
``make quickstart`` and ``python -m tools.quickstart``: the same.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mmseg.commands import toy
from mmseg.commands.arguments import natural
from mmseg.errors import InputError, command
from mmseg.places import check_folder
from mmseg.toy_params import ToyParams
from mmseg.writing import write_text

DATA = Path('data/toy')  # where configs/toy/ look for it
RUNS = {'source-only': 'source_only', 'DAFormer': 'daformer', 'oracle': 'oracle'}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/quickstart'), help='default: %(default)s')
    parser.add_argument('--seed', type=natural, default=0, help='of the three runs (default: %(default)s)')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings for all three runs')
    return parser.parse_args(argv)


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Run every step that is not finished yet, then show what came out."""
    args = parse_args(argv)
    check_folder(args.out)
    from mmseg.report.comparison import compare  # noqa: PLC0415 (--help needs no torch)

    start = time.monotonic()
    say('1/6 the toy pair')
    toy.draw(DATA, ToyParams())
    say('2/6 train ids and class index')
    if toy.converted(DATA):
        raise InputError(f'The labels in {DATA} could not be converted; what was printed above says why.')
    for number, name in enumerate(RUNS, start=3):
        say(f'{number}/6 training: {name}')
        train(name, args)
    say('6/6 the three networks on the camera pictures for validation')
    (comparison,) = compare({name: args.out / run for name, run in RUNS.items()})
    table = comparison.table()
    write_text(args.out / 'table.txt', table + '\n')
    panel = comparison.draw(args.out / 'panel.png')
    print(f'\n{comparison.title()}:\n{table}\n')
    minutes = (time.monotonic() - start) / 60
    print(f'Finished after {minutes:.1f} minutes. {what_next(args.out, panel)}')


def say(step: str) -> None:
    print(f'\n=== {step}', flush=True)


def train(name: str, args: argparse.Namespace) -> None:
    """Train one of :data:`RUNS`, unless it was finished with the same settings on the same pictures."""
    from mmseg.config.load import load_config, parse_cfg_options  # noqa: PLC0415 (heavy)

    config, folder = f'toy/{RUNS[name]}.py', args.out / RUNS[name]
    options = [*args.cfg_options, f'seed={args.seed}']
    settings = load_config(config, parse_cfg_options(options)).to_dict()
    done = json.dumps({'config': settings, 'toy': asdict(ToyParams())}, indent=2, default=str)
    marker = folder / 'finished.txt'
    if marker.is_file() and marker.read_text() == done:
        print(f'{folder} is trained: nothing to do.')
        return
    shutil.rmtree(folder, ignore_errors=True)
    call(['train', config, '--work-dir', str(folder), '--cfg-options', *options])
    write_text(marker, done)


def call(arguments: list[str]) -> None:
    """Run ``mmseg`` in a process of its own, with its output on the screen.

    Raises:
        InputError: it failed.
    """
    print(f'$ mmseg {" ".join(arguments)}', flush=True)
    # Threads that spin while they wait make a busy laptop many times slower: the layers are small, the waits frequent.
    environment = {'OMP_WAIT_POLICY': 'PASSIVE', **os.environ}
    code = subprocess.run([sys.executable, '-m', 'mmseg', *arguments], env=environment, check=False).returncode
    if code:
        raise InputError(f'mmseg {arguments[0]} ended with exit code {code}; what it printed above says why.')


def what_next(out: Path, panel: Path) -> str:
    """Where to look, and what to try."""
    from mmseg.engine.work_dir import config_of  # noqa: PLC0415 (heavy)

    run = out / RUNS['DAFormer']
    config = config_of(run)
    picture = next(iter(sorted(DATA.glob('cityscapes/leftImg8bit/val/*/*.png'))))
    places = {
        panel: 'images, ground truth and the three predictions',
        out / 'table.txt': 'the table above',
        run / 'class_mix_debug': 'what the training of DAFormer saw: mixed images, pseudo-labels',
    }
    width = max(len(str(path)) for path in places)
    look = '\n'.join(f'  {str(path).ljust(width)}  {what}' for path, what in places.items())
    return f"""Look at
{look}
Try
  mmseg test {run}
  mmseg demo {picture} {config} {run / 'latest.pth'}
  tensorboard --logdir {out}
  mmseg train --exp toy  # every part of the method, three seeds (docs/toy.md)"""

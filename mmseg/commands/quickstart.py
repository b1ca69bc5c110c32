"""See the whole method work in minutes: draw the toy pair, convert it, train three times, compare.

    mmseg quickstart [--fast]

Source-only, DAFormer and oracle are one network trained for equally many iterations, with what each may see. The first
line says how long that takes here, the last one where the report is. Steps that are finished are skipped, so an
interrupted quickstart can be started again. ``make quickstart [FAST=1]`` and ``python -m tools.quickstart``: the same.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
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
FAST_RUNS = {'source-only': 'source_only', 'DAFormer': 'daformer'}
FAST_ITERATIONS = 150
FAST_OPTIONS = [
    f'{key}={FAST_ITERATIONS}' for key in ('runner.max_iters', 'evaluation.interval', 'checkpoint_config.interval')
]
START_S, COMPARISON_S = 12.0, 20.0  # of a training, its start; of the last step
TRIED = 3  # pictures that are drawn to see how long that takes


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--fast', action='store_true', help='source-only and DAFormer, shorter: up to three minutes')
    parser.add_argument('--out', type=Path, help='default: work_dirs/quickstart, with --fast work_dirs/quickstart_fast')
    parser.add_argument('--seed', type=natural, default=0, help='of the runs (default: %(default)s)')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings for all runs')
    args = parser.parse_args(argv)
    args.out = args.out or Path('work_dirs/quickstart_fast' if args.fast else 'work_dirs/quickstart')
    args.runs = FAST_RUNS if args.fast else RUNS
    args.cfg_options = [*(FAST_OPTIONS if args.fast else []), *args.cfg_options]
    return args


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Run every step that is not finished yet, then show what came out."""
    args = parse_args(argv)
    check_folder(args.out)
    start = time.monotonic()
    left = expected_seconds(args)
    print(f'This takes about {minutes(sum(left.values()))} on this machine, as a few pictures and iterations show.')
    total = len(args.runs) + 3
    say(f'1/{total} the toy pair', left.values())
    toy.draw(DATA, ToyParams())
    left.pop('pair')
    say(f'2/{total} train ids and class index', left.values())
    if toy.converted(DATA, nproc=toy.PROCESSES):
        raise InputError(f'The labels in {DATA} could not be converted; what was printed above says why.')
    for number, name in enumerate(args.runs, start=3):
        say(f'{number}/{total} training: {name}', left.values())
        began = time.monotonic()
        train(name, args)
        print(result_of(name, args, time.monotonic() - began), flush=True)
        correct(left, name, time.monotonic() - began)
    say(f'{total}/{total} the networks on the camera pictures for validation', left.values())
    show(args, time.monotonic() - start)


def expected_seconds(args: argparse.Namespace) -> dict[str, float]:
    """What each step that is not finished may take here, from a few pictures and ten iterations of each kind of run."""
    from mmseg.benchmark.pace import seconds_per_iteration  # noqa: PLC0415 (--help needs no torch)
    from mmseg.config.load import load_config, parse_cfg_options  # noqa: PLC0415
    from mmseg.datasets.toy import is_written, shots, take  # noqa: PLC0415

    left = {'comparison': COMPARISON_S, 'pair': 0.0}
    if not is_written(DATA, ToyParams()):
        chosen = shots(DATA, ToyParams())
        began = time.perf_counter()
        for shot in chosen[:: len(chosen) // TRIED][:TRIED]:
            take(shot, ToyParams())
        left['pair'] = (time.perf_counter() - began) / TRIED * len(chosen) / toy.PROCESSES
    paces: dict[bool, float] = {}
    for name in args.runs:
        if is_trained(name, args):
            continue
        cfg = load_config(config_file(name), parse_cfg_options(options_of(args)))
        adapts = bool(cfg.get('uda'))
        if adapts not in paces:
            paces[adapts] = seconds_per_iteration(cfg.copy())
        # a picture of the validation is two crops, only looked at: a third of the work
        looks = ToyParams().val * min(paces.values()) / 3
        left[name] = START_S + cfg.runner.max_iters * paces[adapts] + looks
    return left


def correct(left: dict[str, float], name: str, taken: float) -> None:
    """Take a finished training off what is ``left``, and believe of the others what it has shown."""
    expected = left.pop(name, 0.0)
    for other in left:
        if expected and other in RUNS:
            left[other] *= taken / expected


def minutes(seconds: float) -> str:
    return f'{seconds / 60:.1f} minutes'


def say(step: str, left: Iterable[float]) -> None:
    print(f'\n=== {step}; about {minutes(sum(left))} left', flush=True)


def config_file(name: str) -> str:
    return f'toy/{RUNS[name]}.py'


def options_of(args: argparse.Namespace) -> list[str]:
    return [*args.cfg_options, f'seed={args.seed}']


def settings_of(name: str, args: argparse.Namespace) -> Mapping[str, object]:
    from mmseg.config.load import load_config, parse_cfg_options  # noqa: PLC0415 (heavy)

    return load_config(config_file(name), parse_cfg_options(options_of(args))).to_dict()


def finished(name: str, args: argparse.Namespace) -> tuple[Path, str]:
    """The file that marks a finished run, and what it holds then: its settings, and what decides the pictures."""
    content = json.dumps({'config': settings_of(name, args), 'toy': asdict(ToyParams())}, indent=2, default=str)
    return args.out / RUNS[name] / 'finished.txt', content


def is_trained(name: str, args: argparse.Namespace) -> bool:
    """Whether the run was finished with the same settings on the same pictures."""
    marker, content = finished(name, args)
    return marker.is_file() and marker.read_text() == content


def train(name: str, args: argparse.Namespace) -> None:
    """Train one of :data:`RUNS`, unless it is trained."""
    marker, content = finished(name, args)
    folder = marker.parent
    if is_trained(name, args):
        print(f'{folder} is trained: nothing to do.')
        return
    shutil.rmtree(folder, ignore_errors=True)
    options = options_of(args)
    call(['train', config_file(name), '--work-dir', str(folder), '--cfg-options', *options])
    write_text(marker, content)


def result_of(name: str, args: argparse.Namespace, seconds: float) -> str:
    """The score of a run in a line."""
    from mmseg.report.logs import last_evaluation  # noqa: PLC0415 (heavy)

    score = 100 * last_evaluation(args.out / RUNS[name])['mIoU']
    return f'--- {name}: mIoU {score:.1f} on the camera pictures for validation, after {minutes(seconds)}'


def show(args: argparse.Namespace, seconds: float) -> None:
    """Table, picture and report of the runs; the last line names the report."""
    from mmseg.report.comparison import compare  # noqa: PLC0415 (--help needs no torch)
    from mmseg.report.gallery import build_gallery  # noqa: PLC0415
    from mmseg.report.html import write_page  # noqa: PLC0415
    from mmseg.report.runs import experiments_of, read_run  # noqa: PLC0415

    folders = {name: args.out / run for name, run in args.runs.items()}
    (comparison,) = compare(folders)
    table = comparison.table()
    write_text(args.out / 'table.txt', table + '\n')
    panel = comparison.draw(args.out / 'panel.png')
    print(f'\n{comparison.title()}:\n{table}\n')
    experiments = experiments_of([read_run(folder, name) for name, folder in folders.items()])
    gallery = build_gallery(experiments, count=6, predict=True)
    page = write_page(args.out / 'report' / 'index.html', experiments, gallery, title='Quickstart: the toy pair')
    print(f'Finished after {minutes(seconds)}. {what_next(args.out, panel)}')
    print(f'\nThe report, with all of it: {page.resolve().as_uri()}')


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
        panel: 'images, ground truth and the predictions',
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

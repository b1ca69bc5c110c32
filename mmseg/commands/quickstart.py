"""See the whole method work in minutes: draw the toy pair, convert it, train three times, compare.

    mmseg quickstart [--fast]

Source-only, DAFormer and oracle are one network trained for equally many iterations, with what each may see. The first
line says how long that takes here, the last one where the report is. An interrupted quickstart can be started again:
finished steps are skipped, trainings go on from what they have saved. ``make quickstart [FAST=1]`` and
``python -m tools.quickstart``: the same.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmseg.commands import toy
from mmseg.commands.arguments import natural
from mmseg.errors import InputError, command
from mmseg.places import check_folder
from mmseg.side_by_side import Training, seconds_left, share_of_cores, train_side_by_side
from mmseg.toy_params import ToyParams
from mmseg.writing import write_text

if TYPE_CHECKING:
    from mmengine.config import Config

DATA = Path('data/toy')  # where configs/toy/ look for it
RUNS = {'source-only': 'source_only', 'DAFormer': 'daformer', 'oracle': 'oracle'}
FAST_RUNS = {'source-only': 'fast_source_only', 'DAFormer': 'fast_daformer'}
BEGUN, FINISHED = 'begun.txt', 'finished.txt'  # marks in the folder of a run; they hold its settings
START_S, COMPARISON_S = 12.0, 20.0  # of a training, its start; of the last step
LANES = min(2, os.cpu_count() or 1)  # trainings at a time
TRIED = 3  # pictures that are drawn to see how long that takes


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--fast', action='store_true', help='source-only and DAFormer at half the size, with fewer iterations'
    )
    parser.add_argument('--out', type=Path, help='default: work_dirs/quickstart, with --fast work_dirs/quickstart_fast')
    parser.add_argument('--seed', type=natural, default=0, help='of the runs (default: %(default)s)')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings for all runs')
    args = parser.parse_args(argv)
    args.out = args.out or Path('work_dirs/quickstart_fast' if args.fast else 'work_dirs/quickstart')
    args.runs = FAST_RUNS if args.fast else RUNS
    return args


@dataclass
class Plan:
    """What is left to do: seconds of drawing and of the comparison, and the trainings between them."""

    drawing: float
    trainings: list[Training]
    comparison: float = COMPARISON_S

    def seconds(self) -> float:
        return self.drawing + seconds_left(self.trainings, LANES) + self.comparison


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Run every step that is not finished yet, then show what came out."""
    args = parse_args(argv)
    check_folder(args.out)
    # Threads that spin while they wait make a busy laptop many times slower: the layers are small, the waits frequent.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    start = time.monotonic()
    plan = Plan(seconds_to_draw(), trainings_of(args))
    print(f'This takes about {minutes(plan.seconds())} on this machine, as a few pictures and iterations show.')
    say('1/4 the toy pair', plan)
    toy.draw(DATA, ToyParams())
    plan.drawing = 0.0
    say('2/4 train ids and class index', plan)
    if toy.converted(DATA, nproc=toy.PROCESSES):
        raise InputError(f'The labels in {DATA} could not be converted; what was printed above says why.')
    say(f'3/4 training: {", ".join(args.runs)}; {LANES} at a time', plan)
    train(plan, args)
    say('4/4 the networks on the camera pictures for validation', plan)
    show(args, time.monotonic() - start)


def seconds_to_draw() -> float:
    """What drawing the pair may take here, from a few pictures; 0 if it is drawn."""
    from mmseg.datasets.toy import is_written, shots, take  # noqa: PLC0415 (--help needs no OpenCV)

    if is_written(DATA, ToyParams()):
        return 0.0
    chosen = shots(DATA, ToyParams())
    began = time.perf_counter()
    for shot in chosen[:: len(chosen) // TRIED][:TRIED]:
        take(shot, ToyParams())
    return (time.perf_counter() - began) / TRIED * len(chosen) / toy.PROCESSES


def trainings_of(args: argparse.Namespace) -> list[Training]:
    """The runs that are not trained, the longest first; how long each may take is tried with ten iterations a kind."""
    from mmseg.benchmark.pace import paces_side_by_side  # noqa: PLC0415 (--help needs no torch)

    configs = {name: load(name, args) for name in args.runs if not is_marked(name, args, FINISHED)}
    kinds = {bool(cfg.get('uda')): cfg for cfg in configs.values()}
    paces = dict(zip(kinds, paces_side_by_side(list(kinds.values()), share_of_cores(LANES)), strict=True))
    trainings = []
    for name, cfg in configs.items():
        # a picture of the validation is two crops, only looked at: a third of the work
        looks = ToyParams().val * min(paces.values()) / 3
        done = iterations_done(name, args)
        expected = START_S + (cfg.runner.max_iters - done) * paces[bool(cfg.get('uda'))] + looks
        output = args.out / f'{args.runs[name]}.txt'
        trainings.append(Training(name, command_of(name, args, resume=done > 0), output, expected, done))
    return sorted(trainings, key=lambda training: -training.expected)


def minutes(seconds: float) -> str:
    return f'{seconds / 60:.1f} minutes'


def say(step: str, plan: Plan) -> None:
    print(f'\n=== {step}; about {minutes(plan.seconds())} left', flush=True)


def config_file(name: str, args: argparse.Namespace) -> str:
    return f'toy/{args.runs[name]}.py'


def folder_of(name: str, args: argparse.Namespace) -> Path:
    return args.out / args.runs[name]


def options_of(args: argparse.Namespace) -> list[str]:
    """What differs from the config files, in all runs alike."""
    return [f'seed={args.seed}', *args.cfg_options]


def load(name: str, args: argparse.Namespace) -> 'Config':
    from mmseg.config.load import load_config, parse_cfg_options  # noqa: PLC0415 (heavy)

    return load_config(config_file(name, args), parse_cfg_options(options_of(args)))


def settings_of(name: str, args: argparse.Namespace) -> str:
    """The settings of a run, and what decides the pictures."""
    return json.dumps({'config': load(name, args).to_dict(), 'toy': asdict(ToyParams())}, indent=2, default=str)


def is_marked(name: str, args: argparse.Namespace, marker: str) -> bool:
    """Whether the run came as far as ``marker`` says, with the same settings on the same pictures."""
    file = folder_of(name, args) / marker
    return file.is_file() and file.read_text() == settings_of(name, args)


def iterations_done(name: str, args: argparse.Namespace) -> int:
    """Of a training that was interrupted: those that are saved; 0 if it begins anew."""
    from mmseg.engine.checkpoints.checkpoint_io import saved_iterations  # noqa: PLC0415 (heavy)

    saved = saved_iterations(folder_of(name, args)) if is_marked(name, args, BEGUN) else []
    return int(saved[-1].stem.removeprefix('iter_')) if saved else 0


def command_of(name: str, args: argparse.Namespace, *, resume: bool) -> list[str]:
    """The command that trains a run, or goes on with it."""
    folder = str(folder_of(name, args))
    new = [config_file(name, args), '--work-dir', folder, '--cfg-options', *options_of(args)]
    return [sys.executable, '-m', 'mmseg', 'train', *(['--resume', folder] if resume else new)]


def train(plan: Plan, args: argparse.Namespace) -> None:
    """Train what is not trained, with a line whenever one of the runs has gone further, and one with each result."""
    to_train = {training.name for training in plan.trainings}
    for name in [name for name in args.runs if name not in to_train]:
        print(f'{folder_of(name, args)} is trained: nothing to do.')
    for training in plan.trainings:
        if not training.done:
            shutil.rmtree(folder_of(training.name, args), ignore_errors=True)
            write_text(folder_of(training.name, args) / BEGUN, settings_of(training.name, args))
        print(f'$ mmseg {" ".join(training.command[3:])} > {training.output}', flush=True)

    def tell() -> None:
        running = [training for training in plan.trainings if training.iteration and not training.finished]
        states = ', '.join(f'{training.name} {training.iteration} of {training.of} iterations' for training in running)
        print(f'{states}; about {minutes(plan.seconds())} left', flush=True)

    def ended(training: Training) -> None:
        write_text(folder_of(training.name, args) / FINISHED, settings_of(training.name, args))
        print(result_of(training, args), flush=True)

    train_side_by_side(plan.trainings, LANES, tell, ended)


def result_of(training: Training, args: argparse.Namespace) -> str:
    """The score of a finished run in a line."""
    from mmseg.report.logs import last_evaluation, percent  # noqa: PLC0415 (heavy)

    score = percent(last_evaluation(folder_of(training.name, args))['mIoU'])
    took = minutes(training.total)
    return f'--- {training.name}: mIoU {score:.1f} on the camera pictures for validation, after {took}'


def show(args: argparse.Namespace, seconds: float) -> None:
    """Table, picture and report of the runs; the last line names the report."""
    from mmseg.report.comparison import compare  # noqa: PLC0415 (--help needs no torch)
    from mmseg.report.gallery import build_gallery  # noqa: PLC0415
    from mmseg.report.html import write_page  # noqa: PLC0415
    from mmseg.report.runs import experiments_of, read_run  # noqa: PLC0415

    folders = {name: folder_of(name, args) for name in args.runs}
    (comparison,) = compare(folders)
    table = comparison.table()
    write_text(args.out / 'table.txt', table + '\n')
    panel = comparison.draw(args.out / 'panel.png')
    print(f'\n{comparison.title()}:\n{table}\n')
    experiments = experiments_of([read_run(folder, name) for name, folder in folders.items()])
    gallery = build_gallery(experiments, count=6, predict=True)
    page = write_page(args.out / 'report' / 'index.html', experiments, gallery, title='Quickstart: the toy pair')
    print(f'Finished after {minutes(seconds)}. {what_next(args, panel)}')
    print(f'\nThe report, with all of it: {page.resolve().as_uri()}')


def what_next(args: argparse.Namespace, panel: Path) -> str:
    """Where to look, and what to try."""
    from mmseg.engine.work_dir import config_of  # noqa: PLC0415 (heavy)

    out, run = args.out, folder_of('DAFormer', args)
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

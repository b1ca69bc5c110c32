"""What can be measured, and the options of each measurement. Imports nothing heavy, so that help comes at once.

``mmseg.benchmark.NAME`` measures: ``run(args)`` returns a dict that is plain JSON, in which ``rows`` (a list of dicts
with the same keys) is the table.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from mmseg.benchmark.settings import ENCODERS, WORDS
from mmseg.commands.arguments import positive


def beside(parser: argparse.ArgumentParser) -> None:
    """This checkout beside another one of the same project: a process each, whose steps or images take turns."""
    parser.add_argument('--other', type=Path, help='folder of the other checkout')
    parser.add_argument('--what', choices=['step', 'image'], default='step', help='of training, or of prediction')
    parser.add_argument('--model', choices=list(ENCODERS), default='mit_b0', help='encoder (default: %(default)s)')
    parser.add_argument(
        '--size', type=positive, default=256, help='side of a crop; an image is seen at SIZE x 2 SIZE (default: 256)'
    )
    parser.add_argument('--batch', type=positive, default=2, help='crops of a domain, or images (default: 2)')
    parser.add_argument('--rounds', type=positive, default=5, help='pairs that are measured (default: 5)')


def data(parser: argparse.ArgumentParser) -> None:
    """A training sample with rare class sampling, from PNGs of real size, on one core."""
    parser.add_argument('--samples', type=positive, default=60, help='samples of each way (default: %(default)s)')
    parser.add_argument(
        '--images', type=positive, default=12, help='drawn scenes of each domain (default: %(default)s)'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the samples (default: %(default)s)')


def ema(parser: argparse.ArgumentParser) -> None:
    """The teacher's and the optimizer's update, beside the device's copy bandwidth and one pass over flat tensors."""
    parser.add_argument('--model', choices=list(ENCODERS), default='mit_b5', help='encoder (default mit_b5)')
    parser.add_argument('--device', help='cpu or cuda (default: cuda if there is one)')
    parser.add_argument('--threads', type=positive, default=1, help='threads on a CPU (default 1)')


def evaluation(parser: argparse.ArgumentParser) -> None:
    """What evaluation does behind the network with an image of Cityscapes size: upsample, argmax, count."""
    parser.add_argument('--images', type=positive, default=8, help='images of each way (default: %(default)s)')
    parser.add_argument('--device', help='default: a GPU if there is one; there times are those of the wall')


def kernels(parser: argparse.ArgumentParser) -> None:
    """What a step spends its device's time in: kernels of three steps under torch's profiler, the longest first."""
    parser.add_argument('--setting', default='fast', help='as one of the settings of step (default fast)')
    parser.add_argument('--model', choices=list(ENCODERS), help='encoder (default: mit_b0, on a GPU mit_b5)')
    parser.add_argument('--size', type=positive, help='side of the images (default: 256, on a GPU 512)')
    parser.add_argument('--batch', type=positive, default=2, help='source images (default 2)')
    parser.add_argument('--warmup', type=positive, default=3, help='steps before those that are measured (default 3)')
    parser.add_argument('--longest', type=positive, default=40, help='kernels that are listed (default 40)')
    parser.add_argument('--device', help='cpu or cuda (default: cuda if there is one)')


def memory(parser: argparse.ArgumentParser) -> None:
    """Peak memory of the training step for batches of 1, 2 and 4 in fp32 and bf16, each in a process of its own."""
    parser.add_argument('--model', choices=list(ENCODERS), help='encoder (default: mit_b0, on a GPU mit_b5)')
    parser.add_argument('--size', type=positive, help='side of the images (default: 256, on a GPU 512)')
    parser.add_argument('--batches', nargs='+', type=positive, default=[1, 2, 4], help='default 1 2 4')
    parser.add_argument(
        '--settings', nargs='+', help='default: fast bf16, on a GPU each with split and fuse; see the step measurement'
    )
    parser.add_argument('--device', help='cpu or cuda (default: cuda if there is one)')


def methods(parser: argparse.ArgumentParser) -> None:
    """Training steps of configs side by side: CPU time, steps taking turns. (Their memory: tools/step_memory.py.)"""
    parser.add_argument('--configs', nargs='+', type=Path, help='default: DAFormer and MIC, toy pair')
    parser.add_argument('--rounds', type=positive, default=5, help='measured steps of each config (default: 5)')


def projection(parser: argparse.ArgumentParser) -> None:
    """A real run of the final config, data loading and one evaluation included, projected to its 40000 iterations."""
    parser.add_argument('--config', type=Path, help='default: the final config of the paper')
    parser.add_argument('--iterations', type=int, default=2000, help='iterations to run (default 2000)')
    parser.add_argument('--cfg-options', nargs='+', default=['precision=bf16', 'compile=True'], metavar='KEY=VALUE')
    parser.add_argument('--pictures', type=Path, default=Path('data/full_size'), help='where pictures are drawn to')
    parser.add_argument('--on-cpu', action='store_true', help='run without a GPU too, which takes days')


def startup(parser: argparse.ArgumentParser) -> None:
    """What a run waits for before its first sample: imports, listing 24,966 images, their class index, the sampler."""
    parser.add_argument('--images', type=positive, default=24966, help='listed and indexed (default: %(default)s)')
    parser.add_argument('--repeats', type=positive, default=3, help='of each measurement (default: %(default)s)')


def step(parser: argparse.ArgumentParser) -> None:
    """The training step of the final config: settings side by side, what its parts take, FLOPs and memory."""
    known = '; '.join(f'{word}: {meaning}' for word, meaning in WORDS.items())
    parser.add_argument('--settings', nargs='+', help=f'what to compare with the baseline. {known}')
    parser.add_argument('--baseline', default='plain', help='setting that the others are compared with (default plain)')
    parser.add_argument('--model', choices=list(ENCODERS), help='encoder (default: mit_b0, on a GPU mit_b5)')
    parser.add_argument('--size', type=positive, help='side of the images (default: 256, on a GPU 512)')
    parser.add_argument(
        '--batch', type=positive, default=2, help='source images, and as many target images (default 2)'
    )
    parser.add_argument('--rounds', type=positive, help='measured steps of each setting (default: 3, on a GPU 50)')
    parser.add_argument('--warmup', type=int, help='steps before those (default: 1, on a GPU 10)')
    parser.add_argument('--device', help='cpu or cuda (default: cuda if there is one)')
    parser.add_argument('--threads', type=positive, default=1, help='threads on a CPU (default 1)')


MEASUREMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    'beside': beside,
    'data': data,
    'ema': ema,
    'eval': evaluation,
    'kernels': kernels,
    'memory': memory,
    'methods': methods,
    'projection': projection,
    'startup': startup,
    'step': step,
}

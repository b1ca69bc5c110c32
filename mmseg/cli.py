"""The command ``mmseg``: the commands of :mod:`mmseg.commands` under one name.

Imports what is asked for and nothing else, so that help comes at once.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import mmseg
from mmseg import screen, signals
from mmseg.errors import nearest
from mmseg.shortage import what_is_short


class Command(NamedTuple):
    """A module with ``main(argv) -> exit code``, and what it is for."""

    module: str
    summary: str


COMMANDS = {
    'train': Command('mmseg.commands.train', 'train a config, a table of experiments, or go on with a run'),
    'test': Command('mmseg.commands.test', 'measure a trained network on labelled images, with pictures'),
    'predict': Command('mmseg.commands.predict', 'predict images, folders, videos and huge tiles'),
    'demo': Command('mmseg.commands.demo', 'lay the predicted classes over an image, beside it'),
    'report': Command('mmseg.commands.report', 'one page about many runs, or their table as text'),
    'compare': Command('mmseg.commands.compare', 'finished runs on the same images: a table and a picture'),
    'curves': Command('mmseg.commands.curves', 'losses, scores and learning rate of runs as a picture'),
    'init': Command('mmseg.commands.init', 'look at your own data and write a config for it'),
    'check': Command('mmseg.commands.check', "decode every file of a config's data sets"),
    'convert': Command('mmseg.commands.convert', 'labels of GTA5, Cityscapes, SYNTHIA or SHIFT to train ids; CamVid'),
    'download': Command('mmseg.commands.download', 'pretrained weights and published runs'),
    'config': Command('mmseg.commands.config', 'list, show and copy the configs that come with the code'),
    'publish': Command('mmseg.commands.publish', 'a file to pass on out of a checkpoint'),
    'export': Command('mmseg.commands.export', 'a network for other programs: ONNX, torch.export, TorchScript'),
    'submit': Command('mmseg.commands.submit', 'pack predictions for the server of a benchmark'),
    'doctor': Command('mmseg.commands.doctor', 'what this machine can do, and what to do next'),
    'benchmark': Command('mmseg.commands.benchmark', 'speed and memory of this code on this machine'),
    'toy': Command('mmseg.commands.toy', 'draw the toy pair of data sets'),
    'completion': Command('mmseg.commands.completion', 'what makes the TAB key of a shell know all this'),
    'quickstart': Command('mmseg.commands.quickstart', 'the whole method on the toy pair, in minutes'),
}


OPTIONS_TOLD = """options:
  -q, --quiet    show warnings, errors and results only (log files are complete)
  -v, --verbose  show where in the code an error comes from
  --version      show the version"""
#: what can stand in place of a command, or in front of it
OPTIONS = ('--help', '--version', *screen.OPTIONS)


def usage() -> str:
    """What ``mmseg --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = [f'  {name:{width}}  {known.summary}' for name, known in COMMANDS.items()]
    return '\n'.join(
        [
            'usage: mmseg [-q | -v] COMMAND [...]',
            '',
            (mmseg.__doc__ or '').strip(),
            '',
            'commands:',
            *lines,
            '',
            OPTIONS_TOLD,
            '',
        ]
    )


def exit_code(argv: Sequence[str]) -> int:
    """Run the command that ``argv`` names, without the program's own name."""
    argv = list(argv)
    while argv and argv[0] in screen.OPTIONS:
        screen.choose(argv.pop(0))
    name, *rest = argv or ['--help']
    if name in ('-h', '--help'):
        print(usage(), end='')
        return 0
    if name == '--version':
        print(f'mmseg {mmseg.__version__}')
        return 0
    if name not in COMMANDS:
        print(f'error: mmseg has no command {name!r}.{nearest(name, COMMANDS)}', file=sys.stderr)
        print(usage(), end='', file=sys.stderr)
        return 2
    sys.argv[0] = f'mmseg {name}'
    try:
        module = importlib.import_module(COMMANDS[name].module)
    except (ImportError, OSError, MemoryError) as error:
        short = what_is_short(error)
        if short is None:
            raise
        print(f'stopped: {short}.', file=sys.stderr)
        return 1
    return module.main(rest)


def main() -> NoReturn:
    """The process: ends it with the command's exit code, several processes of a training together."""
    door()


def door(*words: str) -> NoReturn:
    """The process of a script that users know, which is the command ``words`` with the arguments of the script."""
    signals.end_while_starting()
    code = exit_code([*words, *sys.argv[1:]])
    if 'torch' not in sys.modules:
        sys.exit(code)
    from mmseg.engine.distributed import leave  # noqa: PLC0415 (only torch can have several processes)

    leave(code)

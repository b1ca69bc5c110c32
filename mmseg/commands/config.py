"""The configs that come with the code.

    mmseg config list                          all of them; or those of a folder: mmseg config list toy
    mmseg config show toy/daformer.py          as a run would see it: bases merged, old spellings translated, complete
    mmseg config copy toy/daformer .           a file of your own that begins from it

CONFIG is a file, or the name of a shipped config, with or without ``.py``.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmseg.errors import InputError, command


@command
def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    if args.what == 'list':
        print(*shipped(args.folder), sep='\n')
    elif args.what == 'show':
        show(args)
    else:
        print(copy(args.config, args.to))
    return 0


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='what', required=True, metavar='list|show|copy')
    listing = commands.add_parser('list', help='names of the shipped configs')
    listing.add_argument('folder', nargs='?', default='', help='only those of this folder')
    add_show_arguments(commands.add_parser('show', help='print a config as a run would see it'))
    copying = commands.add_parser('copy', help='write a config of your own that begins from a shipped one')
    copying.add_argument('config', type=Path, metavar='CONFIG')
    copying.add_argument('to', type=Path, help='folder, or file that does not exist yet')
    return parser.parse_args(argv)


def add_show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', metavar='CONFIG', help='a .py or .json config')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE', help='overrides by dotted key')
    parser.add_argument('--purpose', choices=('train', 'test'), default='train', help='what is checked')


def show(args: argparse.Namespace) -> None:
    """Print a config as a run would see it.

    Raises:
        InputError: it cannot be read; or, after it is printed, it names or sets something that cannot be run.
    """
    from mmseg.config.components import check_components  # noqa: PLC0415 (--help needs no torch)
    from mmseg.config.load import load_config, parse_cfg_options  # noqa: PLC0415
    from mmseg.engine.options import check_run  # noqa: PLC0415

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), purpose=args.purpose)
    print(cfg.pretty_text, flush=True)
    if args.purpose == 'train':
        check_run(cfg)
    else:
        check_components(cfg, 'test')


def shipped(folder: str = '') -> list[str]:
    """Names of the configs that come with the code, without those that others are put together from.

    Raises:
        InputError: there are none in that folder.
    """
    from mmseg.config.read import SHIPPED_CONFIGS  # noqa: PLC0415

    files = sorted(SHIPPED_CONFIGS.glob('*/*.py'))
    names = [file.relative_to(SHIPPED_CONFIGS).as_posix() for file in files]
    found = [name for name in names if name.startswith(folder.strip('/')) and not name.startswith('_base_')]
    if not found:
        folders = sorted({name.partition('/')[0] for name in names if not name.startswith('_base_')})
        raise InputError(f'No config comes with the code in {folder!r}. Known folders: {", ".join(folders)}.')
    return found


def copy(config: Path, to: Path) -> Path:
    """Write a config that has ``config`` as its base to ``to`` (a folder, or a new file), and say where.

    Raises:
        InputError: there is no such config, or the file exists already.
    """
    from mmseg.config.read import as_base, existing  # noqa: PLC0415
    from mmseg.writing import write_text  # noqa: PLC0415

    source = existing(config)
    file = to if to.suffix == '.py' else to / source.name
    if file.exists():
        raise InputError(f'{file} exists already: name another file.')
    told = '# Begins from its base; what is written here replaces what stands there.'
    text = f'{told}\n_base_ = [{as_base(source, file)!r}]\n'
    write_text(file, text)
    return file

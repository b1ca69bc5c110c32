"""The command line of a converter; light, so that --help comes at once."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmseg.errors import InputError
from mmseg.places import check_file, refuse_replacing


def parse_args(description: str | None, argv: Sequence[str] | None) -> argparse.Namespace:
    """``src``, ``dst`` and ``trust`` of a converter.

    Raises:
        InputError: nothing can be written where ``dst`` says, or it is ``src``.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('src', help='weights: a file, a URL, or open-mmlab://NAME')
    parser.add_argument('dst', type=Path, help='file to write (.pth)')
    parser.add_argument('--trust', action='store_true', help='read a file that can run code: you know its origin')
    args = parser.parse_args(argv)
    check_file(args.dst)
    refuse_replacing([args.dst], [Path(args.src)])
    if args.dst.suffix == '.safetensors':
        raise InputError(f'{args.dst}: give the name of a .pth file to write.')
    return args

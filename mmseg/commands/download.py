"""Download published weights into pretrained/, and published runs into work_dirs/. What is there is not loaded again.

mmseg download mit_b5 swin_base              by name
mmseg download CONFIG.py                     what a config starts from
mmseg download timm:NAME                     timm's weights of a network (model.backbone.pretrained='timm')
mmseg download open-mmlab://resnet101_v1c    by the names and addresses that configs give
mmseg download --list                        all names, with sizes, licences and the configs that need them

``python -m tools.download``: the same.
"""

import argparse
from collections.abc import Sequence

from mmseg.errors import InputError, command


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from mmseg.models.weights.get import expand, get, listing  # noqa: PLC0415 (--help needs no torch)

    if args.list:
        print('\n'.join(listing()))
        return
    failed = []
    for name in args.names:
        try:
            for wanted in expand(name):
                get(wanted)
        except InputError as error:  # the others are wanted all the same
            failed.append(str(error))
    if failed:
        raise InputError('\n'.join(failed))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME', help='a name of --list, a config, a URL, open-mmlab://NAME')
    parser.add_argument('--list', action='store_true', help='show all names and end')
    args = parser.parse_args(argv)
    if not args.names and not args.list:
        parser.error('give a name, or --list')
    return args

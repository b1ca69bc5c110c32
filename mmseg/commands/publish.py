"""Make a file to publish out of a checkpoint: one network's weights, the classes and colours, and nothing else.

The optimizer, the other networks of an adaptation, and paths and names of the machine are left out; the first 8 digits
of its SHA-256 are put into its name. It loads without trust in its origin.

    mmseg publish work_dirs/RUN/latest.pth daformer_gta2cs.pth    -> daformer_gta2cs-0a1b2c3d.pth

``python -m tools.publish_model``: the same.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmseg.errors import command
from mmseg.places import check_file


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_file(args.out)
    from mmseg.engine.checkpoints.publish import publish  # noqa: PLC0415 (--help needs no torch)

    print(publish(args.checkpoint, args.out, weights=args.weights, trust=args.trust, card=args.card))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='checkpoint of a segmentor or of a UDA run')
    parser.add_argument('out', type=Path, help='file to write; the checksum is added to its name')
    parser.add_argument('--weights', choices=['student', 'teacher'], help='network of a UDA run')
    parser.add_argument(
        '--card', action='store_true', help='write a model card beside it, with what is known filled in'
    )
    parser.add_argument('--trust', action='store_true', help='read a file that can run code: you know its origin')
    return parser.parse_args(argv)

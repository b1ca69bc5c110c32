"""Store the training images of a config at the size they are trained at, so that training decodes no PNG.

    python -m tools.cache_dataset configs/daformer/gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py

The pixels are those of the files, bit for bit: nothing is lost. Raw, GTA at 1280x720 takes 90 GB with its labels, and
Cityscapes at 1024x512 4.7 GB. Training reads from the cache as soon as it is there; a cache whose files have changed
is left alone with a warning. It lies in ``training_cache`` beside the data; another place for it is the ``cache_dir``
of the data sets, as in --cfg-options data.train.source.cache_dir=DIR, here and in training.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from mmseg.errors import command


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from tools.work.cache_dataset import run  # noqa: PLC0415 (--help needs no torch)

    run(args)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of a training')
    parser.add_argument('--nproc', type=int, default=min(8, os.cpu_count() or 1), help='default: %(default)s')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings that replace')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())

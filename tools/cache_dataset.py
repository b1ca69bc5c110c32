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
from collections.abc import Iterator, Sequence

from mmseg.config.load import load_config, parse_cfg_options
from mmseg.datasets.custom import CustomDataset
from mmseg.datasets.dataset_wrappers import ConcatDataset
from mmseg.datasets.loader import build_dataset
from mmseg.datasets.pixel_store import UnusableStoreError
from mmseg.datasets.stream import TrainingSet
from mmseg.datasets.training_cache import arrays_of
from mmseg.datasets.uda_dataset import UDADataset
from mmseg.errors import InputError, command


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of a training')
    parser.add_argument('--nproc', type=int, default=min(8, os.cpu_count() or 1), help='default: %(default)s')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings that replace')
    return parser.parse_args(argv)


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = load_config(args.config, parse_cfg_options(args.cfg_options))
    stores = [arrays for dataset in data_sets(build_dataset(cfg.data.train)) for arrays in arrays_of(dataset)]
    if not stores:
        raise InputError(
            'No training pipeline of this config starts with LoadImageFromFile, LoadAnnotations and a Resize to one '
            'img_scale: nothing in it is the same for every sample.'
        )
    for arrays in {arrays.folder: arrays for arrays in stores}.values():
        try:
            arrays.open()
        except UnusableStoreError:
            size = arrays.write(args.nproc)
            print(f'{arrays.folder}: {len(arrays.files)} {arrays.meaning.partition(",")[0]}, {size / 1e9:.2f} GB')
        else:
            print(f'{arrays.folder} is complete: nothing to do.')


def data_sets(train_set: TrainingSet) -> Iterator[CustomDataset]:
    """The data sets of files that ``train_set`` draws from."""
    if isinstance(train_set, CustomDataset):
        yield train_set
    elif isinstance(train_set, UDADataset):
        if train_set.source is not None:
            yield from data_sets(train_set.source)
        yield from data_sets(train_set.target)
    elif isinstance(train_set, ConcatDataset):
        for part in train_set.datasets:
            yield from data_sets(part)


if __name__ == '__main__':
    sys.exit(main())

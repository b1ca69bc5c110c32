"""Images at the size of training, stored."""

import argparse

from mmseg.commands.check import parts
from mmseg.config.load import load_config, parse_cfg_options
from mmseg.datasets.loader import build_dataset
from mmseg.datasets.pixel_store import UnusableStoreError
from mmseg.datasets.training_cache import arrays_of
from mmseg.errors import InputError


def run(args: argparse.Namespace) -> None:
    """Store what is missing, and say what is there.

    Raises:
        InputError: nothing in the pipelines is the same for every sample.
    """
    cfg = load_config(args.config, parse_cfg_options(args.cfg_options))
    stores = [arrays for dataset in parts(build_dataset(cfg.data.train)) for arrays in arrays_of(dataset)]
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

"""Decode every image and label map of a config's data sets, and name what cannot be used.

mmseg check CONFIG [--split train val] [--cfg-options KEY=VALUE ...]

Training looks at a few pairs only, to start soon; this looks at all of them once, before a long run.
"""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from mmseg.errors import InputError, command

SPLITS = ['train', 'val', 'test']


@command
def main(argv: Sequence[str] | None = None) -> int:
    """1 if something was found, which is printed."""
    args = parse_args(argv)
    return check_config(args.config, args.split, args.cfg_options)


def check_config(config: str, splits: Sequence[str], options: Sequence[str] = ()) -> int:
    """Check the data sets of a config file and print what is wrong with them; 1 if something is."""
    from mmseg.config.load import load_config, parse_cfg_options  # noqa: PLC0415 (--help needs no torch)
    from mmseg.datasets.check import full_check  # noqa: PLC0415

    cfg = load_config(config, parse_cfg_options(options), purpose='train')
    found = 0
    for split in splits:
        if not cfg.data.get(split):
            print(f'data.{split}: there is none')
            continue
        for dataset in parts_of_split(cfg.data[split], split):
            name = f'data.{split}: {dataset.image_path(0).parent}'
            try:
                full_check(dataset, title=name)
            except InputError as error:
                found += 1
                print(f'{name}:\n{error}')
            else:
                print(f'{name}: {len(dataset)} images{" and label maps" if dataset.labelled else ""} are fine')
    return int(found > 0)


def parts_of_split(described: Any, split: str) -> Iterator[Any]:
    """The data sets of files in ``data.<split>``."""
    from mmseg.config.leaves import named_sets  # noqa: PLC0415
    from mmseg.datasets.loader import build_dataset  # noqa: PLC0415

    if split == 'train':
        yield from parts(build_dataset(described))
        return
    for one in named_sets(described).values():
        yield from parts(build_dataset(one, {'test_mode': True}))


def parts(dataset: Any) -> Iterator[Any]:
    """The data sets of files that ``dataset`` is made of."""
    from mmseg.datasets.dataset_wrappers import ConcatDataset  # noqa: PLC0415
    from mmseg.datasets.uda_dataset import UDADataset  # noqa: PLC0415

    if isinstance(dataset, UDADataset):
        if dataset.source is not None:
            yield from parts(dataset.source)
        yield from parts(dataset.target)
    elif isinstance(dataset, ConcatDataset):
        for part in dict.fromkeys(dataset.datasets):
            yield from parts(part)
    else:
        yield dataset


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file (.py, or the .json of a work directory)')
    parser.add_argument('--split', nargs='+', choices=SPLITS, default=SPLITS[:2], help='default: train val')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='settings that replace')
    return parser.parse_args(argv)

"""Pictures of what the pipelines of a config yield."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mmseg.config.leaves import named_sets
from mmseg.config.load import load_config, parse_cfg_options
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.loader import build_dataset
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import as_views
from mmseg.evaluation.export import overlay
from mmseg.report.figures import Panel, comparison_panel, denormalize

OPACITY = 0.6
LONGEST_NAME = 26  # what fits over a picture


def run(args: argparse.Namespace) -> None:
    """Draw the samples that the options ask for, page by page.

    Raises:
        InputError: the data set has no such samples.
    """
    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), purpose='train')
    testing = args.split != 'train'
    described = cfg.data.get(args.split)
    if not described:
        raise InputError(f'{args.config} describes no data.{args.split}: there is nothing to draw.')
    described = next(iter(named_sets(described).values())) if testing else described
    dataset = build_dataset(described, {'test_mode': True} if testing else None)
    seed = args.seed if args.seed is not None else cfg.get('seed') or 0
    count = args.count if args.split == 'train' else min(args.count, len(dataset) - args.start)
    if count < 1:
        raise InputError(f'--start {args.start}: data.{args.split} has {len(dataset)} images.')
    numbers = range(args.start, args.start + count)
    for first in range(0, count, args.rows):
        page = numbers[first : first + args.rows]
        samples = [dataset.sample(i, seed) if args.split == 'train' else as_views(dataset[i]) for i in page]
        if args.split == 'train':
            rows = [training_row(sample, dataset.label_set) for sample in samples]
        else:
            rows = [test_row(sample, dataset.label_of(i)) for sample, i in zip(samples, page, strict=True)]
        path = args.out / f'{args.split}_{page[0]:05}.png'
        print(comparison_panel(rows, dataset.label_set, path))
        for sample, i in zip(samples, page, strict=True):
            print(f'  {i}: {", ".join(files(sample))}')


def training_row(sample: dict[str, Any], label_set: LabelSet) -> list[Panel]:
    """The pictures of one training sample, supervised, a pair of source and target, or of the target alone."""
    row = []
    if 'img' in sample:
        row = labelled(sample['img'], sample['img_metas'], sample['gt_semantic_seg'][0].numpy(), label_set)
    if 'target_img' in sample:
        meta = sample['target_img_metas']
        row.append(Panel(title('target', meta), picture(sample['target_img'], meta)))
    return row


def test_row(views: dict[str, list], label: np.ndarray) -> list[Panel]:
    """The views of one test image, and its ground truth in the size of the file."""
    pairs = zip(views['img'], views['img_metas'], strict=True)
    return [*(Panel(title('view', meta), picture(img, meta)) for img, meta in pairs), Panel('ground truth', label)]


def files(sample: dict[str, Any]) -> list[str]:
    """The image files in a sample, source before target."""
    metas = [sample[key] for key in ('img_metas', 'target_img_metas') if key in sample]
    every = [meta for entry in metas for meta in (entry if isinstance(entry, list) else [entry])]
    return list(dict.fromkeys(str(meta['filename']) for meta in every))


def labelled(img: Tensor, meta: dict[str, Any], label: np.ndarray, label_set: LabelSet) -> list[Panel]:
    """An image, its label, and both over each other."""
    image = picture(img, meta)
    blended = overlay(image[..., ::-1], label, label_set.palette, OPACITY)[..., ::-1]
    return [Panel(title('image', meta), image), Panel('label', label), Panel('label over image', blended)]


def picture(img: Tensor, meta: dict[str, Any]) -> np.ndarray:
    """RGB uint8 (H, W, 3) of a network's input."""
    return denormalize(img, meta['img_norm_cfg'])


def title(what: str, meta: dict[str, Any]) -> str:
    """What it is, of which file, and whether it was flipped."""
    name = Path(meta['ori_filename']).stem
    short = name if len(name) <= LONGEST_NAME else f'{name[: LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}'
    return f'{what}: {short}{", flipped" if meta.get("flip") else ""}'

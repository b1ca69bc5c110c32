"""Work directories of runs that never took place: a config, a log, predictions."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLASSES = ('road', 'sidewalk', 'bus')
PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {'type': 'MultiScaleFlipAug', 'img_scale': [96, 48], 'flip': False, 'transforms': [{'type': 'Resize'}]},
]


def domain(kind: str, root: str, image_dir: str) -> dict[str, Any]:
    return {'type': kind, 'data_root': root, 'img_dir': image_dir, 'ann_dir': 'labels', 'pipeline': []}


def config(
    setting: str = 'source-only', seed: int = 0, root: str = 'data/cityscapes', **changes: Any
) -> dict[str, Any]:
    """A config of one of three settings, with what a report looks at; ``changes`` replace top-level keys."""
    source = domain('GTADataset', 'data/gta', 'images')
    target = domain('CityscapesDataset', root, 'leftImg8bit/train')
    train = {
        'source-only': source,
        'oracle': target,
        'dacs': {'type': 'UDADataset', 'source': source, 'target': target},
    }
    test = {**target, 'img_dir': 'leftImg8bit/val', 'ann_dir': 'gtFine/val', 'pipeline': PIPELINE}
    values = {
        'model': {
            'type': 'EncoderDecoder',
            'backbone': {'type': 'mit_b5'},
            'decode_head': {'type': 'SegFormerHead'},
        },
        'uda': {'type': 'DACS', 'alpha': 0.99} if setting == 'dacs' else None,
        'data': {'train': train[setting], 'val': test, 'test': test},
        'optimizer': {'type': 'AdamW', 'lr': 6e-5},
        'lr_config': {'policy': 'poly', 'warmup': 'linear'},
        'runner': {'type': 'IterBasedRunner', 'max_iters': 40000},
        'seed': seed,
        'exp': 'table',
        'name': f'table_{setting}_s{seed}',
    }
    return values | changes


def work_dir(
    folder: Path,
    settings: Mapping[str, Any],
    ious: Mapping[str, float],
    *,
    iteration: int = 40000,
    environment: str = 'python: 3.11.7\ntorch: 2.7.0\n',
) -> Path:
    """A run whose last evaluation, at ``iteration``, has the IoUs (percent) of classes."""
    folder.mkdir(parents=True)
    (folder / f'{folder.name}.json').write_text(json.dumps(settings))
    (folder / 'environment.txt').write_text(environment)
    val = {'mIoU': sum(ious.values()) / len(ious) / 100, 'aAcc': 0.5, 'mAcc': 0.4}
    val |= {f'IoU.{name}': value / 100 for name, value in ious.items()}
    lines = [{'exp_name': folder.name, 'seed': settings['seed']}]
    lines += [{'mode': 'train', 'iter': at, 'lr': 1e-5, 'loss': 1 / at} for at in (iteration // 2, iteration)]
    lines += [{'mode': 'val', 'iter': iteration, **val}]
    (folder / '20260101_120000.log.json').write_text('\n'.join(map(json.dumps, lines)) + '\n')
    return folder


def grid(root: Path, data_root: str = 'data/cityscapes') -> Path:
    """Three settings; DACS has three seeds, of which one misses the bus."""
    bus = {'source-only': (4,), 'dacs': (60, 3, 30), 'oracle': (80,)}
    road = {'source-only': 40, 'dacs': 80, 'oracle': 90}
    for setting, values in bus.items():
        for seed, iou in enumerate(values):
            scores = {'road': road[setting] + seed, 'sidewalk': 30, 'bus': iou}
            work_dir(root / f'{setting}_{seed}', config(setting, seed, data_root), scores)
    return root

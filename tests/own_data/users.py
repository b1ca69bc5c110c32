"""A user's day in seconds: folders of small images with a pattern, and a config of a tiny network on them."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmseg.config.load import load_config
from tests.engine.test_train_uda import SEGMENTOR

CLASSES = ['ground', 'house', 'car']
SIZE = (48, 64)


def label(number: int) -> np.ndarray:
    """Rectangles of three classes, (48, 64) uint8."""
    found = np.zeros(SIZE, np.uint8)
    found[8:40, 8 : 30 + number] = 1
    found[20:30, 40:60] = 2
    return found


def image(number: int, *, bands: int = 3, dtype: Any = np.uint8, gain: float = 1) -> np.ndarray:
    """What :func:`label` looks like, (48, 64[, bands])."""
    rng = np.random.default_rng(number)
    values = (label(number)[..., None] * 60 + rng.integers(0, 40, (*SIZE, bands))) * gain
    return values.astype(dtype)[..., 0] if bands == 1 else values.astype(dtype)


def write_domain(folder: Path, count: int = 4, *, suffix: str = '.png', **kind: Any) -> Path:
    """``folder/img/<i><suffix>`` and ``folder/lab/<i>.png``."""
    for name in ('img', 'lab'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        assert cv2.imwrite(str(folder / 'img' / f'{i}{suffix}'), image(i, **kind))
        assert cv2.imwrite(str(folder / 'lab' / f'{i}.png'), label(i))
    return folder


def pipelines(
    bands: int = 3, *, load: dict | None = None, scale: float = 60, steps: tuple[dict, ...] = ()
) -> dict[str, list[dict]]:
    """Steps for labelled, unlabelled and test images, by these names."""
    load = {'type': 'LoadImageFromFile', **(load or {})}
    norm = {'type': 'Normalize', 'mean': [scale] * bands, 'std': [scale] * bands, 'to_rgb': bands == 3}
    crop = [{'type': 'RandomCrop', 'crop_size': (32, 32)}, {'type': 'RandomFlip', 'prob': 0.5}, *steps, norm]
    crop += [{'type': 'DefaultFormatBundle'}]
    views = [{'type': 'Resize', 'keep_ratio': True}, {'type': 'RandomFlip'}, norm]
    views += [{'type': 'ImageToTensor', 'keys': ['img']}, {'type': 'Collect', 'keys': ['img']}]
    return {
        'labelled': [
            load, {'type': 'LoadAnnotations'}, *crop, {'type': 'Collect', 'keys': ['img', 'gt_semantic_seg']}
        ],
        'unlabelled': [load, *crop, {'type': 'Collect', 'keys': ['img']}],
        'test': [load, {'type': 'MultiScaleFlipAug', 'img_scale': (64, 48), 'transforms': views}],
    }  # fmt: skip


def images_of(folder: Path, pipeline: list[dict], **options: Any) -> dict:
    """The description of the images in ``folder/img``."""
    cfg = {'type': 'CustomDataset', 'data_root': str(folder), 'img_dir': 'img', 'img_suffix': '.png'}
    return {**cfg, 'classes': CLASSES, 'pipeline': pipeline, **options}


def user_config(root: Path, *, bands: int = 3, classes: int = 3, **sections: Any) -> Path:
    """``root/own.json``: from ``root/a`` to ``root/b``, whose labels nobody has; four iterations."""
    steps = sections.pop('steps', None) or pipelines(bands)
    head = {**SEGMENTOR['decode_head'], 'num_classes': classes}
    backbone = SEGMENTOR['backbone'] | ({} if bands == 3 else {'in_chans': bands})
    source = images_of(root / 'a', steps['labelled'], ann_dir='lab')
    cfg = {
        'model': {**SEGMENTOR, 'backbone': backbone, 'decode_head': head},
        'uda': {'type': 'DACS', 'alpha': 0.9, 'pseudo_threshold': 0.4, 'debug_img_interval': 2},
        'data': {
            'samples_per_gpu': 2,
            'workers_per_gpu': 0,
            'train': {'type': 'UDADataset', 'source': source, 'target': images_of(root / 'b', steps['unlabelled'])},
        },
        'optimizer': {'type': 'AdamW', 'lr': 0.001},
        'runner': {'type': 'IterBasedRunner', 'max_iters': 4},
        'checkpoint_config': {'interval': 4},
        'log_config': {'interval': 2, 'hooks': [{'type': 'TextLoggerHook'}]},
        'seed': 0,
        'n_gpus': 0,
        **sections,
    }
    file = root / 'own.json'
    file.write_text(json.dumps(cfg))
    return file


def loaded(file: Path, work_dir: Path, **options: Any) -> Any:
    """The config, to train in ``work_dir``."""
    return load_config(file, {'work_dir': str(work_dir), **options})

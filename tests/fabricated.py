"""A work directory as the original code leaves it, with random weights, and data to evaluate it on."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from mmseg.apis import without_pretrained
from mmseg.config.load import load_config
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.registry import MODELS

RUN = '211108_1622_gta2cs_daformer_s0_7f24c'
PUBLISHED = Path(__file__).parent / 'data' / 'configs' / f'{RUN}.json'


def small_config() -> dict[str, Any]:
    """The published config with a network and test images small enough for a quick test."""
    config = json.loads(PUBLISHED.read_text())
    config['model']['backbone']['type'] = 'mit_b0'
    head = config['model']['decode_head']
    head['in_channels'], head['channels'] = [32, 64, 160, 256], 16
    head['decoder_params']['embed_dims'] = 16
    config['data']['test']['pipeline'][1]['img_scale'] = [128, 64]
    config['data']['workers_per_gpu'] = 0
    return config


def checkpoint_of(config: Path) -> dict[str, Any]:
    """A checkpoint in the form of mmcv 1.x for a config: student, teacher and ImageNet network, all different."""
    cfg = load_config(config, purpose='test')
    model = MODELS.build(without_pretrained(cfg.model))
    state: dict[str, torch.Tensor] = {}
    for seed, prefix in enumerate(('model', 'ema_model', 'imnet_model')):
        torch.manual_seed(seed)
        model.init_weights()
        torch.nn.init.normal_(model.decode_head.conv_seg.weight)
        state |= {f'{prefix}.{name}': value.clone() for name, value in model.state_dict().items()}
    meta = {
        'env_info': 'Python: 3.8.5', 'mmseg_version': '0.16.0', 'mmcv_version': '1.3.7', 'seed': 0, 'exp_name': 'a.py',
        'config': 'model = dict()', 'CLASSES': CITYSCAPES19.classes,
        'PALETTE': [list(colour) for colour in CITYSCAPES19.palette], 'epoch': 14, 'iter': 40000,
        'time': 'Tue Nov  9 08:14:01 2021', 'hook_msgs': {'last_ckpt': 'work_dirs/iter_36000.pth'},
    }  # fmt: skip
    optimizer = {
        'state': {0: {'step': 40000, 'exp_avg': torch.zeros(1)}},
        'param_groups': [{'lr': 6e-5, 'params': [0]}],
    }
    return {'meta': meta, 'state_dict': state, 'optimizer': optimizer}


def work_dir(folder: Path, config: dict[str, Any] | None = None) -> Path:
    """``folder/<RUN>`` with ``<RUN>.json`` and ``latest.pth``; of the small network by default."""
    run = folder / RUN
    run.mkdir(parents=True)
    path = run / f'{RUN}.json'
    path.write_text(json.dumps(small_config() if config is None else config))
    torch.save(checkpoint_of(path), run / 'latest.pth')
    (run / '20211108_162204.log.json').write_text('{"mode": "train", "iter": 50}\n')
    return run


def cityscapes(root: Path, count: int = 2, size: tuple[int, int] = (48, 96)) -> Path:
    """Random images and label maps in Cityscapes' folders, part val."""
    rng = np.random.default_rng(0)
    for i in range(count):
        name = f'frankfurt/frankfurt_{i:06}_000019'
        image = root / 'leftImg8bit' / 'val' / f'{name}_leftImg8bit.png'
        label = root / 'gtFine' / 'val' / f'{name}_gtFine_labelTrainIds.png'
        for path, channels, highest in ((image, (3,), 256), (label, (), 19)):
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), rng.integers(0, highest, (*size, *channels)).astype(np.uint8))
    return root

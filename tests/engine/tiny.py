"""A run that takes a second: a small network with dropout and batch norm on drawn images, with every real part.

Run as a script it trains in a process of its own, so that a test can kill it:
``python -m tests.engine.tiny WORK_DIR KEY=VALUE ...``.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine import Config
from mmengine.hooks import Hook
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from mmseg.config.load import parse_cfg_options
from mmseg.datasets.label_sets import CAMVID11
from mmseg.engine.checkpoints.checkpoint_io import LATEST
from mmseg.engine.train import train
from mmseg.registry import DATASETS, HOOKS, MODELS

NORM = {'mean': [0.0, 0.0, 0.0], 'std': [1.0, 1.0, 1.0], 'to_rgb': True}
SIZE = 32


@DATASETS.register_module()
class TinyImages(Dataset):
    """Noise with labels: training samples by number, test images by index."""

    label_set = CAMVID11
    ignore_index = 255
    split_name = 'val'

    def __init__(self, *, size: int = 4, test_mode: bool = False, second_source: bool = False) -> None:
        self.size = size
        self.second_source = second_source
        self.img_infos = [{'filename': f'{i}.png', 'ann': {'seg_map': f'{i}_label.png'}} for i in range(size)]

    def __len__(self) -> int:
        return self.size

    def sample(self, i: int, seed: int) -> dict[str, Any]:
        rng = np.random.default_rng((seed, i))
        label = rng.integers(0, 11, (1, SIZE, SIZE))
        img = label / 11 + rng.standard_normal((3, SIZE, SIZE)) * 0.1
        return {
            'img': torch.tensor(img, dtype=torch.float32),
            'gt_semantic_seg': torch.tensor(label),
            'img_metas': {'filename': f'source_{i}.png', 'img_norm_cfg': NORM},
            **self.template(i, seed),
            'target_img': torch.tensor(img[:, ::-1].copy() * 0.5, dtype=torch.float32),
            'target_img_metas': {'filename': f'target_{i}.png', 'img_norm_cfg': NORM},
        }

    def template(self, i: int, seed: int) -> dict[str, Any]:
        """The second source image of a sample, if the method wants one."""
        if not self.second_source:
            return {}
        rng = np.random.default_rng((seed, i, 2))
        label = rng.integers(0, 11, (1, SIZE, SIZE))
        img = label / 11 + rng.standard_normal((3, SIZE, SIZE)) * 0.1
        return {
            'template_img': torch.tensor(img, dtype=torch.float32),
            'template_gt_semantic_seg': torch.tensor(label),
            'template_img_metas': {'filename': f'template_{i}.png', 'img_norm_cfg': NORM},
        }

    def __getitem__(self, index: int) -> dict[str, Any]:
        meta = {'filename': f'{index}.png', 'ori_shape': (SIZE, SIZE, 3), 'flip': False}
        return {'img': [self.sample(index, 77)['img']], 'img_metas': [meta]}

    def label_path(self, index: int) -> Path:
        return Path(f'{index}_label.png')

    def label_of(self, index: int) -> np.ndarray:
        return self.sample(index, 77)['gt_semantic_seg'][0].numpy().astype(np.uint8)


@MODELS.register_module()
class TinySegmentor(nn.Module):
    """Two convolutions; ``poison_at`` makes the loss NaN in that iteration."""

    def __init__(self, *, width: int = 8, poison_at: int | None = None, train_cfg: dict | None = None) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.2)
        )
        self.decode_head = nn.Conv2d(width, 11, 1)
        self.poison_at = poison_at
        self.register_buffer('steps', torch.zeros((), dtype=torch.int64))

    def init_weights(self) -> None:
        nn.init.normal_(self.decode_head.weight, std=0.01)

    def forward(self, img: Tensor) -> Tensor:
        return self.decode_head(self.backbone(img))

    def train_step(self, data: dict, optim_wrapper: Any) -> dict[str, Tensor]:
        with optim_wrapper.optim_context(self):
            loss = functional.cross_entropy(self(data['img']).float(), data['gt_semantic_seg'][:, 0])
            loss = loss + 0.01 * torch.rand(()).to(loss.device)  # chance of the step that is no dropout
        if self.poison_at == int(self.steps):
            loss = loss * float('nan')
        self.steps += 1
        optim_wrapper.update_params(loss)
        return {'loss': loss.detach(), 'decode.loss_seg': loss.detach()}

    def simple_test(self, img: Tensor, img_meta: dict, rescale: bool = True) -> Tensor:
        return self(img).argmax(1)


@HOOKS.register_module()
class KillAt(Hook):
    """Send a signal to the own process when an iteration has finished."""

    def __init__(self, *, iteration: int, number: int = signal.SIGKILL) -> None:
        self.iteration = iteration
        self.number = number

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        if batch_idx + 1 == self.iteration:
            os.kill(os.getpid(), self.number)


@HOOKS.register_module()
class FailAt(Hook):
    """An iteration ends with an error of the program, which saves nothing."""

    def __init__(self, *, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: dict | None = None) -> None:
        if batch_idx + 1 == self.iteration:
            raise ZeroDivisionError


@HOOKS.register_module()
class OverflowAt(Hook):
    """One gradient of an iteration is infinite: its loss is finite, the weights after its step are not."""

    def __init__(self, *, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: dict | None = None) -> None:
        if batch_idx + 1 == self.iteration:
            runner.student.decode_head.bias.register_hook(lambda gradient: gradient * float('inf'))


def tiny_config(work_dir: Path | str, **options: Any) -> Config:
    """The config of a run of 12 iterations; ``options`` by dotted key, with ``__`` for a dot."""
    images = {'type': 'TinyImages'}
    cfg = Config(
        {
            'model': {'type': 'TinySegmentor'},
            'data': {'samples_per_gpu': 2, 'workers_per_gpu': 0, 'train': images, 'val': images},
            'optimizer': {
                'type': 'AdamW',
                'lr': 0.01,
                'weight_decay': 0.01,
                'paramwise_cfg': {'custom_keys': {'head': {'lr_mult': 10.0}, 'pos_block': {'decay_mult': 0.0}}},
            },
            'lr_config': {'policy': 'poly', 'warmup': 'linear', 'warmup_iters': 4, 'warmup_ratio': 0.1, 'power': 1.0},
            'runner': {'type': 'IterBasedRunner', 'max_iters': 12},
            'checkpoint_config': {'interval': 6, 'max_keep_ckpts': 2},
            'evaluation': {'interval': 3, 'metric': 'mIoU'},
            'log_config': {'interval': 4, 'hooks': [{'type': 'TextLoggerHook', 'by_epoch': False}]},
            'seed': 5,
            'work_dir': str(work_dir),
        }
    )
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    return cfg


def main() -> None:
    torch.set_num_threads(1)
    work_dir = Path(sys.argv[1])
    latest = work_dir / LATEST
    cfg = tiny_config(work_dir, **parse_cfg_options(sys.argv[2:]))
    train(cfg, resume=latest if latest.is_file() else None)


if __name__ == '__main__':
    main()

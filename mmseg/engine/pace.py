"""How fast this machine trains what a config describes: a few iterations on drawn numbers, nothing kept."""

import statistics
import time
from typing import Any

import torch
from mmengine.config import Config

from mmseg.apis import without_pretrained
from mmseg.engine.optim import build_optim_wrapper
from mmseg.engine.train import build_model


def seconds_per_iteration(cfg: Config, *, side: int, iterations: int = 10) -> float:
    """Seconds that one iteration takes, the median of ``iterations`` after two that are not counted.

    Args:
        cfg: a loaded config.
        side: of the crops, in pixels.
        iterations: how many are measured.
    """
    model_cfg = {**cfg, 'model': without_pretrained(cfg.model)}
    model: Any = build_model(Config(model_cfg)).train()
    optimizer = build_optim_wrapper(model, cfg.optimizer, precision='fp32')
    batch = _batch(int(cfg.data.samples_per_gpu), side, int(cfg.model['decode_head']['num_classes']))
    taken = []
    for _ in range(iterations + 2):
        start = time.perf_counter()
        model.train_step(batch, optimizer)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[2:])


def _batch(count: int, side: int, classes: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(0, classes, (count, 1, side, side), generator=generator)
    meta = {'img_norm_cfg': {'mean': [127.5] * 3, 'std': [127.5] * 3, 'to_rgb': True}}
    images = {name: torch.randn(count, 3, side, side, generator=generator) for name in ('img', 'target_img')}
    return {**images, 'gt_semantic_seg': label, 'img_metas': [meta] * count, 'target_img_metas': [meta] * count}

"""Memory of a training step, counted from shapes."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from mmseg.apis import without_pretrained
from mmseg.config.load import load_config
from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.engine.optim import build_optim_wrapper
from mmseg.engine.train import build_model
from mmseg.errors import InputError
from mmseg.models.graph_memory import PeakMemory
from mmseg.models.layers import Conv2d, linear
from mmseg.models.uda.dacs import DACS
from mmseg.models.uda.masked_consistency import MaskedConsistency

FINAL = SHIPPED_CONFIGS / 'daformer' / 'gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5_s0.py'
STEPS = 2  # the optimizer's state exists from the end of the first one on


def step_memory(model: Mapping[str, Any], *, batch: int = 2, side: int = 512, config: Path = FINAL) -> int:
    """Bytes that a training step holds at most, in fp32: weights of all networks, gradients, AdamW's state, features.

    Args:
        model: the segmentor, as in a config.
        batch: source images, and target images.
        side: of the crops, in pixels.
        config: of the method and the optimizer. Source and mixed images go through the student one after another.
    """
    settings = {'uda.fuse_forward': False, 'uda.debug_img_interval': STEPS + 1}
    settings |= {f'uda.pseudo_weight_ignore_{edge}': 0 for edge in ('top', 'bottom')}  # of crops of another size
    cfg = load_config(config, settings)
    cfg.model = without_pretrained(model)
    with torch.device('meta'):
        method = build_model(cfg).train()
    assert isinstance(method, DACS)
    method.augment = _unchanged  # draws numbers on the host; it holds little, and not at the peak
    for term in method.terms():
        if isinstance(term, MaskedConsistency):
            term.augmented = False  # likewise
    view = method.model.draw_view((batch, 3, side, side), torch.Generator()) if method.model.draws_views else None
    method.draw_view = lambda batch, part: view  # likewise drawn on the host
    # Without the detours of layers that some CPUs take: the count is to be that of every machine.
    ordinary = patch.object(Conv2d, 'forward', nn.Conv2d.forward), patch.object(linear, 'SLOW_PRODUCTS', False)
    with FakeTensorMode(allow_non_fake_inputs=True), PeakMemory() as memory, ordinary[0], ordinary[1]:
        method.to_empty(device='cpu')
        optimizer = build_optim_wrapper(method, cfg.optimizer, precision='fp32')
        data = _batch(batch, side)
        for _ in range(STEPS):
            method.train_step(data, optimizer)
    return memory.peak


def _unchanged(img: Tensor, img_metas: list[dict]) -> Tensor:
    return img


def _batch(batch: int, side: int) -> dict[str, Any]:
    return {
        'img': torch.empty(batch, 3, side, side),
        'target_img': torch.empty(batch, 3, side, side),
        'gt_semantic_seg': torch.empty(batch, 1, side, side, dtype=torch.long),
        'img_metas': [{}] * batch,
        'target_img_metas': [{}] * batch,
    }


def run(args: argparse.Namespace) -> None:
    """Print what a step of the config holds.

    Raises:
        InputError: it trains without adaptation.
    """
    config = args.config or FINAL
    cfg = load_config(config)
    if not cfg.uda:
        raise InputError(f'{config} trains without adaptation; a config with uda=dict(...) is needed.')
    held = step_memory(cfg.model, batch=args.batch, side=args.side, config=config)
    print(
        f'{held / 2**30:.2f} GiB: weights, gradients, state of the optimizer and features, {args.batch} crops of each'
    )
    print(f'domain of {args.side}x{args.side}, source and mixed images one after another. Counted, not measured.')

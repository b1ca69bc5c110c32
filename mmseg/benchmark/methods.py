"""Training steps of configs side by side: CPU time, steps taking turns. (Their memory: tools/step_memory.py.)

Networks start from scratch, images are drawn, crops are those of the config, two a domain.
"""

import argparse
from collections.abc import Callable
from typing import Any

import torch
from mmengine import Config

from mmseg.apis import without_pretrained
from mmseg.benchmark._alternate import alternate, rows_of
from mmseg.benchmark._training import drawn_batch
from mmseg.commands.arguments import configs_by_name
from mmseg.compiled import begin_step
from mmseg.config.leaves import leaves, parts_of_training
from mmseg.config.load import load_config
from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.engine.host_memory import keep_freed_memory
from mmseg.engine.optim import build_optim_wrapper
from mmseg.engine.train import build_model
from mmseg.errors import InputError

BATCH = 2
USUAL = tuple(SHIPPED_CONFIGS / 'toy' / name for name in ('daformer.py', 'mic.py'))


def run(args: argparse.Namespace) -> dict[str, Any]:
    """One row a config: ms of a step.

    Raises:
        InputError: a config is wrong, trains on one domain, or its crops are not square.
    """
    configs = {name: load_config(path) for name, path in configs_by_name(args.configs or USUAL).items()}
    if not all(cfg.data.train.get('source') for cfg in configs.values()):
        raise InputError('benchmark methods: each config needs data.train.source and data.train.target.')
    sides = {name: crop_side(cfg) for name, cfg in configs.items()}
    torch.set_num_threads(1)
    keep_freed_memory()
    steps = {name: step_of(cfg, sides[name]) for name, cfg in configs.items()}
    rows = rows_of(alternate(steps, args.rounds), mean=False)
    for row in rows:
        row['crops'] = sides[row['name']]
    return {'title': f'CPU time of a step, one thread, batch {BATCH}; times: as fast as the first', 'rows': rows}


def crop_side(cfg: Config) -> int:
    """Side of the training crops, in pixels."""
    first = next(leaves(parts_of_training(cfg.data.train)))
    height, width = next(step['crop_size'] for step in first.pipeline if step['type'] == 'RandomCrop')
    if height != width:
        raise InputError(f'benchmark methods: crops have to be square, not {width}x{height}.')
    return height


def step_of(cfg: Config, side: int) -> Callable[[int], Any]:
    """A training step of the config's method, on the same drawn images each time."""
    cfg.model = without_pretrained(cfg.model)
    if cfg.get('uda'):
        cfg.uda.debug_img_interval = 10**9
    torch.manual_seed(0)
    method: Any = build_model(cfg)
    method.init_weights()
    method.train()
    optimizer = build_optim_wrapper(method, cfg.optimizer, precision='fp32')
    data = drawn_batch(side, BATCH, torch.device('cpu'))

    def step(number: int) -> Any:
        begin_step()
        return method.train_step(data, optimizer)

    return step

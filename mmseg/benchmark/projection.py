"""A real run of the final config, data loading and one evaluation included, projected to its 40000 iterations.

Without the data of the config, pictures of the size of Cityscapes are drawn for it.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from mmengine import Config

from mmseg.benchmark.settings import FINAL
from mmseg.commands.toy import converted, draw
from mmseg.config.load import load_config, parse_cfg_options
from mmseg.engine import train as training
from mmseg.engine.hooks import evaluation
from mmseg.errors import InputError
from mmseg.toy_params import ToyParams

ITERATIONS, EVALUATIONS, IMAGES = 40_000, 10, 500  # of the published run
PICTURES = ToyParams(source=64, train=64, val=20, width=2048, height=1024)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """One row: what was run, and what the whole run would take."""
    if not torch.cuda.is_available() and not args.on_cpu:
        raise InputError('projection needs a GPU: the run takes days on a CPU (--on-cpu to do it all the same).')
    if args.iterations < 100:
        raise InputError(f'--iterations {args.iterations}: below 100 the first steps, which compile, are all there is.')
    cfg = _config(args)
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = str(Path(folder, 'run'))
        seconds, per_image, start = _train(cfg)
        lines = [json.loads(line) for log in Path(cfg.work_dir).glob('*.log.json') for line in log.open()]
    records = [line for line in lines if line.get('mode') == 'train']
    steady = records[len(records) // 4 :]
    step, waiting = (median(record[key] for record in steady) for key in ('time', 'data_time'))
    row = {
        'iterations': args.iterations,
        'ms an iteration': 1000 * step,
        'of it waiting for data': 1000 * waiting,
        'start s': start,
        'evaluation ms an image': 1000 * per_image,
        'whole run, measured min': seconds / 60,
        'PROJECTED min for 40000 iterations, 10 x 500 images': (ITERATIONS * step + EVALUATIONS * IMAGES * per_image)
        / 60,
        'peak memory GB': max(record['memory'] for record in records) / 1024,
    }
    return {'title': f'{args.config.name} {" ".join(args.cfg_options)} (projected, not run to its end)', 'rows': [row]}


def _config(args: argparse.Namespace) -> Config:
    options = {
        'runner.max_iters': args.iterations,
        'evaluation.interval': args.iterations,
        'checkpoint_config': None,
        'log_config.interval': 50,
        'uda.debug_img_interval': 10**9,
        'seed': 0,
        **parse_cfg_options(args.cfg_options),
    }
    cfg = load_config(args.config or FINAL, options)
    cfg.model.pretrained = None  # the values of the weights cost no time
    if not Path(cfg.data.train.source.data_root).is_dir():
        _draw(args.pictures)
        cfg.data.train.source.data_root = str(args.pictures / 'gta')
        cfg.data.train.target.data_root = cfg.data.val.data_root = str(args.pictures / 'cityscapes')
    return cfg


def _draw(folder: Path) -> None:
    """Draw :data:`PICTURES`, and bring their labels into the form that training reads."""
    draw(folder, PICTURES)
    if converted(folder, nproc=8):
        raise InputError(f'The labels in {folder} could not be converted; what was printed above says why.')


def _train(cfg: Config) -> tuple[float, float, float]:
    """(seconds in all, seconds of the evaluation per image, seconds before the first iteration)."""
    evaluated: list[float] = []
    original = evaluation.evaluate

    def timed(model: Any, loader: Any, dataset: Any, **settings: Any) -> Any:
        start = time.perf_counter()
        result = original(model, loader, dataset, **settings)
        evaluated.append((time.perf_counter() - start) / len(dataset))
        return result

    begin = time.perf_counter()
    with patch.object(evaluation, 'evaluate', timed):
        runner = training.build_runner(cfg)
        start = time.perf_counter() - begin
        try:
            runner.train()
        finally:
            runner.close()
    return time.perf_counter() - begin, evaluated[0], start

"""Configs run briefly on drawn data, and the table of what happened."""

import argparse
import hashlib
import json
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine import Config

from mmseg.apis import without_pretrained
from mmseg.commands.arguments import configs_by_name
from mmseg.config.components import check_components
from mmseg.config.load import load_config
from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.datasets.toy import ToyParams, is_written, write_toy
from mmseg.engine.provenance import config_text
from mmseg.engine.train import train
from mmseg.errors import InputError
from tools.convert_datasets import cityscapes, gta
from tools.run_table import read_table, write_table

FULL_SIZE = ToyParams(source=8, train=6, val=1, width=1024, height=512)
CONVERTERS = {'gta': gta, 'cityscapes': cityscapes}  # by the folder of their data set
KILLED = 'the process was killed; there may be too little memory'


@dataclass(frozen=True)
class Outcome:
    """What a config did.

    Args:
        config: name of the file.
        settings: a hash of all that the run depends on but the code.
        crop: side of the training crops.
        problem: what went wrong, or ''.
        loss: total of the last iteration.
        seconds: of the last iteration.
        megabytes: highest memory use.
        device: what it ran on.
    """

    config: str
    settings: str = ''
    crop: int | None = None
    problem: str = ''
    loss: float | None = None
    seconds: float | None = None
    megabytes: float | None = None
    device: str = ''


def run(args: argparse.Namespace) -> int:
    """Run what has not run well yet and print the table; 1 if something failed."""
    configs = list(configs_by_name(args.configs or sorted((SHIPPED_CONFIGS / 'daformer').glob('*.py'))).values())
    draw_pair(args.out / 'data', FULL_SIZE)
    table = args.out / 'table.json'
    rows = {row['config']: Outcome(**row) for row in read_table(table)}
    for path in configs:
        known = None if args.again else rows.get(path.stem)
        rows[path.stem] = smoke(path, out=args.out, iterations=args.iterations, crop=args.crop, known=known)
        write_table(table, [asdict(row) for row in rows.values()])
        print(f'{path.stem}: {rows[path.stem].problem or "ran"}', flush=True)
    print('\n' + markdown(rows.values()))
    return int(any(rows[path.stem].problem for path in configs))


def draw_pair(root: Path, params: ToyParams) -> None:
    """Draw the toy pair below ``root`` and convert its labels, unless that is done."""
    if not is_written(root, params):
        for _ in write_toy(root, params):
            pass
    for folder, converter in CONVERTERS.items():
        if not (root / folder / 'sample_class_stats.json').is_file() and converter.main(
            [str(root / folder), '--nproc', '1']
        ):
            raise InputError(f'{root / folder} could not be converted; see the message above.')


def smoke(path: Path, *, out: Path, iterations: int, crop: int | None, known: Outcome | None) -> Outcome:
    """Run the config in ``path`` in a process of its own; ``known`` is what it did before, taken if still valid."""
    try:
        cfg = on_drawn_data(path, pair=out / 'data', work_dir=out / path.stem, iterations=iterations)
        if crop is not None:
            cut_crops(cfg, crop)
    except InputError as error:
        return Outcome(path.stem, problem=str(error))
    settings = hashlib.sha256(config_text(cfg).encode()).hexdigest()[:16]
    if known is not None and known.settings == settings and not known.problem:
        return known
    return Outcome(path.stem, settings, next(_having('crop_size', cfg.data.train))['crop_size'][0], **train_apart(cfg))


def train_apart(cfg: Config) -> dict[str, Any]:
    """Train ``cfg`` in a process of its own; the last iteration's fields of :class:`Outcome`, or its ``problem``."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:
        try:
            return pool.submit(train_briefly, cfg.to_dict()).result()
        except BrokenProcessPool:
            return {'problem': KILLED}
        except Exception as error:  # whatever it is: the others are to run
            return {'problem': f'{type(error).__name__}: {error}'}


def on_drawn_data(
    path: Path, *, pair: Path, work_dir: Path, iterations: int, options: dict[str, Any] | None = None
) -> Config:
    """The config in ``path`` made short, from scratch, without saving or evaluating, and with the pair as its data.

    Raises:
        InputError: the config is wrong, or reads a data set that the pair has no folder for.
    """
    short = {
        'runner.max_iters': iterations,
        'log_config.interval': 1,
        'data.workers_per_gpu': 0,
        'checkpoint_config': None,
        'evaluation': None,
    }
    cfg = load_config(path, short | (options or {}))
    cfg.model = without_pretrained(cfg.model)
    cfg.work_dir = str(work_dir)
    for dataset in _having('data_root', cfg.data):
        folder = Path(dataset['data_root']).name
        if folder not in CONVERTERS:
            raise InputError(f'{path}: there is no drawn data for {dataset["data_root"]}')
        dataset['data_root'] = str(pair / folder)
    return cfg


#: side of the crops that the shipped numbers of ignored rows are for
PAPER_CROP = 512


def cut_crops(cfg: Config, side: int) -> None:
    """Let ``cfg`` train on crops of ``side`` x ``side``, and its network expect them."""
    for key in ('crop_size', 'size'):
        for step in _having(key, cfg.data.train):
            step[key] = (side, side)
    for encoder in _having('img_size', cfg.model.backbone):
        encoder['img_size'] = (side, side)
    for network in _having('hr_crop_size', cfg.model):
        network['hr_crop_size'] = (side // 2, side // 2)
    for key in ('pseudo_weight_ignore_top', 'pseudo_weight_ignore_bottom'):
        for method in _having(key, cfg.get('uda')):
            method[key] = method[key] * side // PAPER_CROP


def _having(key: str, value: Any) -> Iterator[dict]:
    """Every dictionary with this key in a part of a config."""
    if isinstance(value, dict):
        if key in value:
            yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _having(key, item)


def train_briefly(values: dict[str, Any]) -> dict[str, Any]:
    """Train the config with these values, and tell about the last iteration."""
    cfg = Config(values)
    check_components(cfg)
    work_dir = train(cfg)
    log = max(work_dir.glob('*.log.json'), key=lambda file: file.stat().st_mtime)
    last = json.loads(log.read_text().splitlines()[-1])
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
    return {'loss': last['loss'], 'seconds': last['time'], 'megabytes': last['memory'], 'device': device}


def markdown(rows: Iterable[Outcome]) -> str:
    """The table of what every config did, in the order of their names."""
    lines = ['| config | crops | result | loss | s / iteration | peak GB | device |', '| --- ' * 7 + '|']
    for row in sorted(rows, key=lambda row: row.config):
        numbers = ('', '', '')
        if row.loss is not None and row.seconds is not None and row.megabytes is not None:
            numbers = (f'{row.loss:.2f}', f'{row.seconds:.1f}', f'{row.megabytes / 1024:.1f}')
        lines.append(
            f'| {row.config} | {row.crop or ""} | {row.problem or "ran"} | {" | ".join(numbers)} | {row.device} |'
        )
    return '\n'.join(lines)

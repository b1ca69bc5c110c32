"""The shipped CamVid configs on the real frames: two iterations each, with an evaluation."""

import json
import os
from pathlib import Path

import pytest

from mmseg.config.load import load_config
from mmseg.engine.train import train

pytestmark = pytest.mark.skipif('MMSEG_REAL_DATA' not in os.environ, reason='needs MMSEG_REAL_DATA')
CONFIGS = Path('configs/camvid')
SHORT = {'runner.max_iters': 2, 'evaluation.interval': 2, 'log_config.interval': 1, 'data.workers_per_gpu': 0}


@pytest.mark.parametrize('name', ['src', 'uda', 'oracle'])
def test_camvid_day_to_dusk_trains_and_is_scored_on_its_11_classes(name, tmp_path):
    cfg = load_config(CONFIGS / f'day2dusk_daformer_mitb0_{name}.py', SHORT)
    cfg.work_dir = str(tmp_path / 'run')
    train(cfg)
    (log,) = (tmp_path / 'run').glob('*.log.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    scored = lines[-1]
    assert scored['mode'] == 'val'
    assert [key for key in scored if key.startswith('IoU.')] == [
        f'IoU.{name}'
        for name in [
            'sky',
            'building',
            'pole',
            'road',
            'sidewalk',
            'tree',
            'signsymbol',
            'fence',
            'car',
            'pedestrian',
            'bicyclist',
        ]
    ]
    steps = [line for line in lines if line.get('mode') == 'train']
    assert ['mix.decode.loss_seg' in step for step in steps] == [name == 'uda'] * 2

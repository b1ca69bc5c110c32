from pathlib import Path

import pytest

from mmseg.config.homes import expand_homes
from mmseg.config.load import load_config
from mmseg.errors import InputError

CONFIG = """
model = dict(type='EncoderDecoder', backbone=dict(type='mit_b0'), decode_head=dict(type='SegFormerHead'))
optimizer = dict(type='AdamW', lr=6e-5)
runner = dict(type='IterBasedRunner', max_iters=10)
day = dict(type='CustomDataset', data_root='~/data', img_dir=['~/more', '~tilde/b'], ann_dir=None, pipeline=[])
data = dict(train=dict(type='UDADataset', source=dict(type='CustomDataset', img_dir='a', ann_dir='~/c', pipeline=[]),
                       target=[day]), val=dict(day=day), test=dict(type='RepeatDataset', dataset=day, times=1))
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / 'own.py'
    file.write_text(CONFIG)
    return file


def test_homes_in_front_of_folders_of_data_are_written_out_wherever_data_sets_are(config, monkeypatch):
    monkeypatch.setenv('HOME', '/home/somebody')
    data = load_config(config, purpose='test').data
    assert data.train.source.img_dir == 'a'
    assert data.train.source.ann_dir == '/home/somebody/c'
    for day in (data.train.target[0], data.val.day, data.test.dataset):
        assert day.data_root == '/home/somebody/data'
        assert day.img_dir == ['/home/somebody/more', '~tilde/b']  # a folder of that name, for all one knows
        assert day.ann_dir is None


def test_without_a_home_the_path_is_named(monkeypatch):
    def nobody(_):
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.setattr(Path, 'expanduser', nobody)
    with pytest.raises(InputError, match=r"'~/c'.*Write the folder out"):
        expand_homes({'train': {'ann_dir': '~/c'}})

"""Images whose names are no UTF-8, from testing and prediction to the files that these write."""

import json
import os
from pathlib import Path

import pytest

from mmseg.commands import predict
from tests.fabricated import RUN, cityscapes, work_dir
from tools import test as test_command

ODD = os.fsdecode(b'000\xff\xe9')


@pytest.fixture(scope='module')
def checkout(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('checkout')
    work_dir(folder / 'work_dirs')
    root = cityscapes(folder / 'data' / 'cityscapes')
    for path in list(root.rglob('*_000000_*')):
        path.rename(path.with_name(path.name.replace('_000000_', f'_{ODD}_')))
    return folder


def test_images_are_tested_and_predicted_under_names_that_are_no_utf_8(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    files = [f'work_dirs/{RUN}/{RUN}.json', f'work_dirs/{RUN}/latest.pth']
    assert test_command.main([*files, '--show-dir', 'show', '--out', 'results.json']) == 0
    name = f'frankfurt_{ODD}_000019_leftImg8bit'
    assert Path('show', 'frankfurt', f'{name}.png').is_file()
    assert json.loads(Path('results.json').read_text())['images'] == 2
    assert predict.main(['data/cityscapes/leftImg8bit', *files, '--out', 'out', '-q']) == 0
    assert Path('out/overlay/val/frankfurt', f'{name}.png').is_file()
    predicted = json.loads(Path('out/predictions.json').read_text(errors='surrogateescape'))
    assert f'data/cityscapes/leftImg8bit/val/frankfurt/{name}.png' in [image['file'] for image in predicted['images']]

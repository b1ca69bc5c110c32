from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmseg.report.comparison import compare
from tests.fabricated import cityscapes, work_dir
from tools import compare_runs


@pytest.fixture
def runs(tmp_path, monkeypatch) -> dict[str, Path]:
    """Two work directories with different weights, where their test data are."""
    monkeypatch.chdir(tmp_path)
    cityscapes(tmp_path / 'data' / 'cityscapes', count=3)
    return {name: work_dir(tmp_path / name) for name in ('first', 'second')}


def test_two_runs_make_a_table_and_a_picture(runs, tmp_path, capsys):
    arguments = [f'{name}={folder}' for name, folder in runs.items()]
    assert compare_runs.main([*arguments, '--out', str(tmp_path / 'out'), '--images', '2']) == 0
    printed = capsys.readouterr().out
    assert 'split val' in printed
    table = (tmp_path / 'out' / 'table.txt').read_text()
    assert table.strip() in printed
    assert ['first' in table, 'second' in table, 'mIoU (19 classes)' in table] == [True] * 3
    assert cv2.imread(str(tmp_path / 'out' / 'panel.png')).size


def test_pictures_without_images_hold_predictions_only(runs, tmp_path):
    (comparison,) = compare(runs, count=1)
    with_images, without = (
        cv2.imread(str(comparison.draw(tmp_path / f'{images}.png', images=images))) for images in (True, False)
    )
    assert np.isclose(with_images.shape[1] / without.shape[1], 2, atol=0.1)  # four columns, and two


def test_a_folder_without_a_checkpoint_is_named(runs, capsys):
    (runs['second'] / 'latest.pth').unlink()
    assert compare_runs.main([str(runs['first']), f'second={runs["second"]}']) == 2
    assert 'holds no checkpoint' in capsys.readouterr().err


def test_a_run_of_other_classes_is_refused_by_its_name(runs, capsys):
    checkpoint = torch.load(runs['second'] / 'latest.pth', weights_only=False)
    names = checkpoint['meta']['CLASSES']
    checkpoint['meta']['CLASSES'] = (*names[1:], names[0])
    torch.save(checkpoint, runs['second'] / 'latest.pth')
    assert compare_runs.main([f'{name}={folder}' for name, folder in runs.items()]) == 2
    assert 'second: The network was trained on the classes sidewalk, ' in capsys.readouterr().err

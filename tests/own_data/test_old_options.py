import json
import re
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmseg.commands import train as train_command
from mmseg.datasets.acdc import ACDCDataset
from mmseg.datasets.label_sets import LabelSet
from mmseg.engine.options import load_run
from mmseg.evaluation.groups import Groups
from tests.fabricated import small_config, work_dir
from tests.own_data.users import pipelines, user_config, write_domain
from tools import test, test_work_dir


class Weather:
    """Four images, two of a group, one of another, one of none."""

    label_set, ignore_index = LabelSet('two', ('a', 'b')), 255

    def __len__(self) -> int:
        return 4

    def group_of(self, index):
        return ['fog', 'night', 'fog', ''][index]

    def label_of(self, index):
        return np.array([[0, 1]], np.uint8)


def test_each_group_has_metrics_of_its_own_images():
    groups = Groups(Weather())
    for index, found in enumerate([[0, 1], [0, 0], [1, 1], [1, 0]]):
        groups.add(np.array([found], np.uint8), index)
    metrics = groups.metrics()
    assert list(metrics) == ['fog', 'night']
    assert metrics['fog'].iou.tolist() == pytest.approx([1 / 2, 2 / 3])
    assert metrics['night'].iou.tolist() == pytest.approx([1 / 2, 0])


@pytest.fixture
def acdc(tmp_path):
    """A work directory tested on ACDC, its conditions as folders."""
    for i, condition in enumerate(('fog', 'night')):
        stem = f'{condition}/GOPR000{i}_frame_00000{i}'
        for file, array in (
            (f'rgb_anon/val/{stem}_rgb_anon.png', np.full((48, 96, 3), 90 * i, np.uint8)),
            (f'gt/val/{stem}_gt_labelTrainIds.png', np.full((48, 96), i, np.uint8)),
        ):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / file), array)
    config = small_config()
    for key in ('img_suffix', 'seg_map_suffix', 'split'):
        config['data']['test'].pop(key, None)
    config['data']['test'] |= {
        'type': 'ACDCDataset',
        'data_root': str(tmp_path),
        'img_dir': 'rgb_anon/val',
        'ann_dir': 'gt/val',
    }
    return work_dir(tmp_path / 'runs', config)


def test_acdc_has_a_column_for_every_condition(acdc, capsys):
    assert ACDCDataset.GROUPS == ('fog', 'night', 'rain', 'snow')
    test_work_dir.main([str(acdc), '--device', 'cpu'])
    said = capsys.readouterr().out
    header = said.split('By condition:\n')[1].splitlines()[0]
    assert [column.strip() for column in header.split('|')] == ['class', 'fog', 'night', 'all']


def test_the_commands_of_the_docs_keep_the_conditions_of_acdc_as_it_is_unpacked(tmp_path):
    text = (Path(__file__).parents[2] / 'docs/data.md').read_text()
    (commands,) = re.findall(r'ACDC comes as.*?```sh\n(.*?)```', text, re.DOTALL)
    for weather in ('fog', 'snow'):
        for split in ('train', 'val', 'test'):
            file = tmp_path / f'data/acdc/rgb_anon/{weather}/{split}/GOPR1/GOPR1_frame_000001_rgb_anon.png'
            file.parent.mkdir(parents=True)
            cv2.imwrite(str(file), np.zeros((48, 64, 3), np.uint8))
            file = tmp_path / f'data/acdc/gt/{weather}/{split}/GOPR1/GOPR1_frame_000001_gt_labelTrainIds.png'
            if split != 'test':
                file.parent.mkdir(parents=True)
                cv2.imwrite(str(file), np.zeros((48, 64), np.uint8))
    subprocess.run(['sh', '-c', commands], cwd=tmp_path, check=True)
    root = {'data_root': str(tmp_path / 'data/acdc'), 'pipeline': pipelines()['test'], 'test_mode': True}
    val = ACDCDataset(img_dir='rgb_anon/val', ann_dir='gt/val', **root)
    assert [val.group_of(index) for index in range(len(val))] == ['fog', 'snow']
    assert len(ACDCDataset(img_dir='rgb_anon/test', **root)) == 2


def test_options_of_mmseg_0_are_understood(acdc, tmp_path, capsys):
    prefix = tmp_path / 'labelTrainId'
    old = ['--format-only', '--eval-options', f'imgfile_prefix={prefix}', 'to_label_id=False']
    test_work_dir.main([str(acdc), '--device', 'cpu', *old, '--options', 'data.workers_per_gpu=0'])
    assert '--format-only: nothing was measured.' in capsys.readouterr().out
    assert len(list(prefix.rglob('*.png'))) == 2
    assert test_work_dir.main([str(acdc), '--eval-options', 'jsonfile=x']) == 2
    assert 'known are efficient_test, imgfile_prefix, to_label_id' in capsys.readouterr().err


def test_the_test_set_is_the_folder_beside_val(acdc, tmp_path, capsys):
    assert test_work_dir.main([str(acdc), '--device', 'cpu', '--test-set']) == 2
    assert 'rgb_anon/test' in capsys.readouterr().err
    (tmp_path / 'rgb_anon/val').rename(tmp_path / 'rgb_anon/test')
    assert test_work_dir.main([str(acdc), '--device', 'cpu', '--test-set']) in (0, None)
    assert 'data.test has no labels' in capsys.readouterr().out


def test_training_understands_them_too(tmp_path):
    write_domain(tmp_path / 'a')
    cfg = json.loads(user_config(tmp_path).read_text())
    cfg['data']['val'] = {
        'type': 'CustomDataset',
        'img_dir': 'x',
        'classes': ['a', 'b', 'c'],
        'pipeline': pipelines()['test'],
    }
    file = tmp_path / 'own.json'
    file.write_text(json.dumps(cfg))
    args = train_command.parse_args([str(file), '--no-validate', '--options', 'runner.max_iters=7'])
    found = load_run(file, args)
    assert (found.evaluation, found.runner.max_iters) == (None, 7)
    assert load_run(file, train_command.parse_args([str(file)])).evaluation is not None


def test_old_names_are_in_the_help(capsys):
    with pytest.raises(SystemExit):
        test.main(['--help'])
    said = capsys.readouterr().out
    assert all(option in said for option in ('--format-only', '--eval-options', '--options', '--test-set'))

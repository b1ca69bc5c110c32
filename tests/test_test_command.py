import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmseg.apis import inference_segmentor, init_segmentor
from mmseg.datasets.label_sets import CITYSCAPES19
from mmseg.engine import testing
from mmseg.evaluation.export import colorize
from mmseg.evaluation.metrics import ConfusionMatrix
from mmseg.evaluation.source import source_of
from tests.engine.pair import run_pair
from tests.fabricated import PUBLISHED, RUN, cityscapes, small_config, work_dir
from tests.models.networks import tiny_segmentor
from tests.test_demo import command_line
from tools import test as test_command
from tools import test_work_dir


@pytest.fixture(scope='module')
def checkout(tmp_path_factory) -> Path:
    """A folder with ``work_dirs/<RUN>`` and ``data/cityscapes``, where users run their commands."""
    folder = tmp_path_factory.mktemp('checkout')
    work_dir(folder / 'work_dirs')
    cityscapes(folder / 'data' / 'cityscapes')
    return folder


@pytest.fixture
def inside(checkout, monkeypatch) -> Path:
    monkeypatch.chdir(checkout)
    return checkout


RUN_DIR = Path('work_dirs', RUN)
FILES = [str(RUN_DIR / f'{RUN}.json'), str(RUN_DIR / 'latest.pth'), '--device', 'cpu']
NAME = 'frankfurt/frankfurt_{:06}_000019_leftImg8bit.png'


def by_hand(aug: bool = False) -> dict[str, float]:
    """The summary of predicting the images one by one with the front door."""
    model = init_segmentor(*FILES[:2], device='cpu')
    if aug:
        testing.add_views(model.cfg)
    confusion = ConfusionMatrix(19)
    for i in range(2):
        label = Path('data/cityscapes/gtFine/val', NAME.format(i).replace('leftImg8bit', 'gtFine_labelTrainIds'))
        pred = inference_segmentor(model, Path('data/cityscapes/leftImg8bit/val', NAME.format(i)))[0]
        confusion.update(torch.from_numpy(pred), torch.from_numpy(cv2.imread(str(label), cv2.IMREAD_UNCHANGED)))
    return confusion.metrics().summary(CITYSCAPES19)


def test_the_table_names_the_split_and_the_json_holds_every_class(inside, capsys):
    assert test_command.main([*FILES, '--eval', 'mIoU', '--out', 'new/results.json']) == 0
    printed = capsys.readouterr().out
    assert 'CityscapesDataset, split val, 2 images, student' in printed
    assert 'mIoU (19 classes)' in printed
    assert 'mIoU (16 classes)' not in printed
    written = json.loads(Path('new/results.json').read_text())
    expected = by_hand()
    assert {name: written[name] for name in expected} == expected
    assert written['split'] == 'val'
    assert written['images'] == 2
    assert f'{expected["IoU.bicycle"]:.2f}' in printed


def test_two_processes_share_the_images_and_one_writes_what_a_single_process_would(inside, tmp_path):
    one, two = tmp_path / 'one.json', tmp_path / 'two.json'
    assert test_command.main([*FILES, '--out', str(one)]) == 0
    assert run_pair(test_command.main, [*FILES, '--out', str(two), '--show-dir', str(tmp_path / 'show')]) == 0
    assert json.loads(two.read_text()) == json.loads(one.read_text())
    assert all((tmp_path / 'show' / NAME.format(i)).is_file() for i in range(2))


def test_an_evaluation_on_a_cpu_keeps_freed_memory_from_its_first_image_on(inside, monkeypatch):
    events, evaluate = [], testing.evaluate
    monkeypatch.setattr(testing, 'keep_freed_memory', lambda: events.append('memory kept'))
    monkeypatch.setattr(testing, 'evaluate', lambda *a, **b: events.append('evaluated') or evaluate(*a, **b))
    assert test_command.main(FILES) == 0
    assert events == ['memory kept', 'evaluated']


def test_a_synthia_source_adds_the_means_over_16_and_13_classes(inside, capsys):
    option = 'data.train.source.type=SynthiaDataset'
    assert test_command.main([*FILES, '--out', 'synthia.json', '--cfg-options', option]) == 0
    printed = capsys.readouterr().out
    assert 'mIoU (16 classes)' in printed
    assert 'mIoU (13 classes)' in printed
    assert {'mIoU', 'mIoU16', 'mIoU13'} <= json.loads(Path('synthia.json').read_text()).keys()


def test_pictures_and_ids_are_written_under_the_names_of_the_images(inside, tmp_path):
    show, ids = tmp_path / 'show', tmp_path / 'ids'
    assert test_command.main([*FILES, '--show-dir', str(show), '--opacity', '1', '--id-dir', str(ids)]) == 0
    written = cv2.imread(str(ids / NAME.format(1)), cv2.IMREAD_UNCHANGED)
    model = init_segmentor(*FILES[:2], device='cpu')
    np.testing.assert_array_equal(
        written, inference_segmentor(model, Path('data/cityscapes/leftImg8bit/val', NAME.format(1)))[0]
    )
    colours = cv2.imread(str(show / NAME.format(1)))[..., ::-1]
    np.testing.assert_array_equal(colours, colorize(written, CITYSCAPES19.palette))


@pytest.mark.parametrize('option', ['--id-dir', '--show-dir'])
def test_results_never_take_the_place_of_data_config_or_checkpoint(inside, option, capsys):
    folder = Path('data/cityscapes/leftImg8bit/val')
    before = (folder / NAME.format(0)).read_bytes()
    assert test_command.main([*FILES, option, str(folder)]) == 2
    assert f'{folder / NAME.format(0)} cannot be written (it is a file that is read here)' in capsys.readouterr().err
    assert (folder / NAME.format(0)).read_bytes() == before
    saved = Path(FILES[0]).read_text()
    assert test_command.main([*FILES, '--out', FILES[0]]) == 2
    assert f'{FILES[0]} cannot be written' in capsys.readouterr().err
    assert Path(FILES[0]).read_text() == saved


def test_images_are_predicted_together_with_the_same_result(inside):
    assert test_command.main([*FILES, '--samples-per-gpu', '2', '--out', 'two.json']) == 0
    written, expected = json.loads(Path('two.json').read_text()), by_hand()
    assert {name: written[name] for name in expected} == pytest.approx(expected, abs=0.02, nan_ok=True)
    assert test_command.main([*FILES, '--samples-per-gpu', '2', '--precision', 'bf16', '--out', 'half.json']) == 0
    half = json.loads(Path('half.json').read_text())
    assert (half['precision'], half['tf32']) == ('bf16', 'off')


def test_a_batch_without_images_is_refused(inside, capsys):
    assert test_command.main([*FILES, '--samples-per-gpu', '0']) == 2
    assert '--samples-per-gpu is at least 1' in capsys.readouterr().err


def test_augmented_testing_averages_twelve_views(inside):
    assert test_command.main([*FILES, '--aug-test', '--out', 'aug.json']) == 0
    expected = by_hand(aug=True)
    written = json.loads(Path('aug.json').read_text())
    assert written['aug_test'] is True
    assert {name: written[name] for name in expected} == expected
    assert expected != by_hand()


def test_the_teacher_can_be_tested_instead(inside, capsys):
    assert test_command.main([*FILES, '--weights', 'teacher', '--out', 'teacher.json']) == 0
    assert 'teacher' in capsys.readouterr().out
    assert json.loads(Path('teacher.json').read_text())['mIoU'] != by_hand()['mIoU']


def test_other_metrics_have_their_columns(inside, capsys):
    assert test_command.main([*FILES, '--eval', 'mDice', 'mFscore']) == 0
    printed = capsys.readouterr().out
    for name in ('Dice', 'Fscore', 'Precision', 'Recall', 'mDice'):
        assert name in printed


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['gone.json', FILES[1]], 'gone.json'),
        ([FILES[0], 'gone.pth'], 'gone.pth'),
        ([*FILES, '--out', 'results.pkl'], 'results.json'),
        ([*FILES, '--device', 'gpu'], "'gpu'"),
        ([*FILES, '--cfg-options', 'data.test.img_dir=leftImg8bit/nowhere'], 'nowhere'),
        ([*FILES, '--cfg-options', 'data.test.ann_dir=None'], 'ann_dir'),
        ([*FILES, '--opacity', '7', '--show-dir', 'x'], 'opacity'),
        ([*FILES, '--cfg-options', 'data.samples_per_gpu=8'], 'would do nothing: --samples-per-gpu says it here'),
        ([*FILES, '--cfg-options', 'precision=bf16'], 'would do nothing: --precision says it here'),
        ([*FILES, '--cfg-options', 'optimizer.lr=1'], 'would do nothing: only a training reads it'),
    ],
)
def test_mistakes_end_in_one_sentence_and_code_2(inside, arguments, message, capsys):
    assert test_command.main(arguments) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith('error: ') or 'error: ' in error[0]
    assert message in '\n'.join(error)


def test_a_label_of_another_size_names_both_files(inside, capsys):
    options = ['--cfg-options', 'data.test.ann_dir=gtFine/odd']
    shutil.copytree('data/cityscapes/gtFine/val', 'data/cityscapes/gtFine/odd', dirs_exist_ok=True)
    for label in Path('data/cityscapes/gtFine/odd').rglob('*.png'):
        cv2.imwrite(str(label), np.zeros((48, 95), np.uint8))
    assert test_command.main([*FILES, *options]) == 2
    error = capsys.readouterr().err
    assert 'leftImg8bit.png' in error
    assert 'gtFine_labelTrainIds.png' in error
    assert '95x48' in error


@pytest.mark.parametrize(
    ('train', 'source'),
    [
        ({'type': 'UDADataset', 'source': {'type': 'SynthiaDataset'}, 'target': {}}, 'SynthiaDataset'),
        ({'type': 'RepeatDataset', 'times': 2, 'dataset': {'type': 'GTADataset'}}, 'GTADataset'),
        ([{'type': 'GTADataset'}, {'type': 'SynthiaDataset'}], 'GTADataset+SynthiaDataset'),
        ({'type': 'UDADataset', 'target': {'type': 'CityscapesDataset'}}, None),
        ({'type': 'CityscapesDataset'}, 'CityscapesDataset'),
        (None, None),
    ],
)
def test_the_source_is_found_behind_pairs_and_repetitions(train, source):
    assert source_of({'data': {'train': train}}) == source


@pytest.mark.parametrize(('shell', 'slash'), [('dash', '/'), ('bash', '')])
def test_a_work_directory_is_tested_from_any_shell_with_or_without_a_slash(checkout, shell, slash):
    if shutil.which(shell) is None:
        pytest.skip(f'{shell} is not installed')
    shutil.rmtree(checkout / RUN_DIR / 'preds', ignore_errors=True)
    finished = command_line(checkout, f'{shell} test.sh work_dirs/{RUN}{slash}')
    assert finished.returncode == 0, finished.stderr
    assert 'mIoU (19 classes)' in finished.stdout
    assert cv2.imread(str(checkout / RUN_DIR / 'preds' / NAME.format(0))).shape == (48, 96, 3)


def test_a_moved_directory_and_a_broken_link_to_the_checkpoint_do_not_matter(inside, capsys):
    moved = Path('elsewhere')
    shutil.rmtree(moved, ignore_errors=True)
    shutil.copytree(RUN_DIR, moved)
    (moved / 'latest.pth').rename(moved / 'iter_40000.pth')
    shutil.copy(moved / 'iter_40000.pth', moved / 'iter_9000.pth')
    (moved / 'latest.pth').symlink_to('/an/old/place/iter_40000.pth')
    assert test_work_dir.main([f'{moved}/', '--device', 'cpu']) == 0
    assert f'Checkpoint: {moved / "iter_40000.pth"}' in capsys.readouterr().out


def test_incomplete_work_directories_are_told_apart(tmp_path, capsys):
    def message(*arguments: str) -> str:
        assert test_work_dir.main(list(arguments)) == 2
        captured = capsys.readouterr()
        return captured.err + captured.out

    with pytest.raises(SystemExit, match='2'):
        message()
    assert 'usage' in capsys.readouterr().err
    assert 'name its checkpoint too' in message('some/config.json')
    assert 'does not exist' in message(str(tmp_path / 'gone'))
    assert 'holds no config' in message(str(tmp_path))
    (tmp_path / 'x.log.json').write_text('{}')
    assert 'holds no config' in message(str(tmp_path))
    (tmp_path / 'a.json').write_text('{}')
    assert 'holds no checkpoint' in message(str(tmp_path))
    (tmp_path / 'latest.pth').symlink_to('iter_4.pth')
    assert 'broken link to iter_4.pth' in message(str(tmp_path))
    (tmp_path / 'b.json').write_text('{}')
    assert 'several configs (a.json, b.json)' in message(str(tmp_path))


def test_the_command_works_as_a_plain_script(checkout):
    script = Path(test_command.__file__)
    finished = subprocess.run(
        [sys.executable, str(script), *FILES], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert 'mIoU (19 classes)' in finished.stdout


@pytest.mark.slow
def test_the_published_network_is_tested_as_it_stands(tmp_path):
    work_dir(tmp_path / 'work_dirs', json.loads(PUBLISHED.read_text()))
    cityscapes(tmp_path / 'data' / 'cityscapes')
    finished = command_line(tmp_path, f'sh test.sh work_dirs/{RUN}')
    assert finished.returncode == 0, finished.stderr
    assert 'mIoU (19 classes)' in finished.stdout


@pytest.mark.skipif('MMSEG_REAL_DATA' not in os.environ, reason='needs MMSEG_REAL_DATA')
def test_real_images_and_labels_that_differ_in_size_are_named(tmp_path, capsys):
    run = work_dir(tmp_path)
    config = small_config()
    root = Path(os.environ['MMSEG_REAL_DATA'], 'kitti_semantics')
    test = {'type': 'CustomDataset', 'data_root': str(root), 'img_dir': 'training/image_2', 'img_suffix': '.png',
            'ann_dir': 'training/semantic', 'label_set': 'cityscapes19', 'label_map': 'cityscapes',
            'pipeline': config['data']['test']['pipeline']}  # fmt: skip
    config['data']['test'] = test
    (run / f'{RUN}.json').write_text(json.dumps(config))
    assert test_command.main([str(run / f'{RUN}.json'), str(run / 'latest.pth'), '--device', 'cpu']) == 2
    error = capsys.readouterr().err
    assert '1224x370' in error
    assert '1242x375' in error


WRAPPED = {
    'list': lambda test: [test, test],
    'concatenated': lambda test: {'type': 'ConcatDataset', 'datasets': [test, test]},
    'repeated': lambda test: {'type': 'RepeatDataset', 'times': 2, 'dataset': [test]},
}


@pytest.mark.parametrize('kind', WRAPPED)
def test_test_data_may_be_several_data_sets_or_one_repeated(inside, capsys, kind):
    config = small_config()
    config['data']['test'] = WRAPPED[kind](config['data']['test'])
    Path(f'{kind}.json').write_text(json.dumps(config))
    files = [f'{kind}.json', *FILES[1:]]
    assert test_command.main([*files, '--aug-test', '--out', f'{kind}.json.out.json', '--show-dir', kind]) == 0
    found = json.loads(Path(f'{kind}.json.out.json').read_text())
    assert found['images'] == 4
    assert found['mIoU'] == by_hand(aug=True)['mIoU']  # every image counted twice changes no share
    assert len(list(Path(kind).rglob('*.png'))) == 2
    model = init_segmentor(*files[:2], device='cpu')
    image = Path('data/cityscapes/leftImg8bit/val', NAME.format(0))
    assert CITYSCAPES19.classes == model.CLASSES
    assert inference_segmentor(model, image)[0].shape == cv2.imread(str(image)).shape[:2]


def test_a_pad_in_the_test_pipeline_changes_no_prediction_beyond_its_border(inside):
    model = init_segmentor(*FILES[:2], device='cpu')
    image = Path('data/cityscapes/leftImg8bit/val', NAME.format(0))
    plain = inference_segmentor(model, image)[0]
    steps = model.cfg.data.test.pipeline[1].transforms
    place = [step.type for step in steps].index('Normalize') + 1
    model.cfg.data.test.pipeline[1].transforms = [*steps[:place], {'type': 'Pad', 'size': (96, 192)}, *steps[place:]]
    padded = inference_segmentor(model, image)[0]
    assert (plain == padded).mean() > 0.5  # the network sees the border; squeezed into the image, 0.1 would agree


def test_a_python_without_the_packages_is_told_to_install_them(tmp_path):
    root = tmp_path / 'checkout'
    root.mkdir()
    shutil.copy(Path(test_command.__file__).parents[1] / 'test.sh', root)
    bare = tmp_path / 'bin' / 'python3'
    bare.parent.mkdir()
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E -I "$@"\n')  # no site-packages
    bare.chmod(0o755)
    call = ['/bin/sh', str(root / 'test.sh'), 'work_dirs/run']
    ended = subprocess.run(
        call, env={'PATH': f'{bare.parent}:/usr/bin:/bin'}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert 'run make install first' in ended.stderr


@pytest.mark.parametrize(
    ('data', 'said'),
    [
        ({'type': 'CustomDataset', 'classes': 3}, r'data\.test: .*classes=3 does not fit'),
        ({'img_dir': '.'}, 'None is not a known data set'),
        ([{'type': 'CustomDataset', 'pipeline': [{'type': 'Resiz'}]}], r"data\.test\.0\.pipeline\.0: 'Resiz'"),
    ],
)
def test_data_that_cannot_be_built_are_named_before_the_network_is_loaded(tmp_path, capsys, data, said):
    config = tmp_path / 'c.json'
    config.write_text(json.dumps({'model': tiny_segmentor(), 'data': {'test': data}}))
    assert test_command.main([str(config), str(tmp_path / 'absent.pth')]) == 2
    assert re.search(said, capsys.readouterr().err)


@pytest.fixture
def named(inside, tmp_path) -> list[str]:
    """The run, with its test data as two sets by name, of which the second is seen at half the size."""
    config = json.loads(Path(FILES[0]).read_text())
    day = config['data']['test']
    night = json.loads(json.dumps(day))
    night['pipeline'][1]['img_scale'] = [64, 32]
    config['data']['test'] = {'day': day, 'night': night}
    (tmp_path / 'named.json').write_text(json.dumps(config))
    return [str(tmp_path / 'named.json'), *FILES[1:]]


def test_several_sets_have_a_table_with_a_column_each_folders_of_their_own_and_the_size_with_every_number(
    named, tmp_path, capsys
):
    assert test_command.main([*named, '--out', str(tmp_path / 'r.json'), '--id-dir', str(tmp_path / 'ids')]) == 0
    printed = capsys.readouterr().out
    what = 'CityscapesDataset, split val, 2 images, student weights'
    assert f'day: {what}, tested at 128x64 (width x height), whole images' in printed
    assert f'night: {what}, tested at 64x32 (width x height), whole images' in printed
    assert 'Checkpoint: last (iteration 40000).' in printed
    (header,) = [line for line in printed.splitlines() if line.startswith('class ')]
    assert [cell.strip() for cell in header.split('|')] == ['class', 'day', 'night', 'mean']
    written = json.loads((tmp_path / 'r.json').read_text())
    expected = by_hand()
    assert written['sets']['day']['mIoU'] == expected['mIoU']
    assert written['sets']['night']['tested_at'].startswith('at 64x32')
    means = [written['sets'][name]['mIoU'] for name in ('day', 'night')]
    assert written['mIoU'] == pytest.approx(sum(means) / 2, abs=0.011)
    assert {path.name for path in (tmp_path / 'ids').iterdir()} == {'day', 'night'}


def test_a_set_that_shares_images_with_the_labelled_target_is_refused(inside, tmp_path, capsys):
    config = json.loads(Path(FILES[0]).read_text())
    test = config['data']['test']
    (tmp_path / 'few.txt').write_text('frankfurt/frankfurt_000001_000019\n')
    config['data']['train']['labelled_target'] = {
        **test, 'split': str(tmp_path / 'few.txt'), 'pipeline': config['data']['train']['source']['pipeline'],
    }  # fmt: skip
    (tmp_path / 'taught.json').write_text(json.dumps(config))
    assert test_command.main([str(tmp_path / 'taught.json'), *FILES[1:]]) == 2
    message = capsys.readouterr().err
    assert 'data.test holds 1 of the 1 images whose labels data.train.labelled_target teaches' in message
    assert 'frankfurt_000001_000019_leftImg8bit.png' in message

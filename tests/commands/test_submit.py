import json
import zipfile

import cv2
import numpy as np
import pytest

from mmseg.apis import init_segmentor, predict
from mmseg.commands import submit
from mmseg.config.test_data import of_test_set
from mmseg.engine.checkpoints.recovery import usable_config_of
from mmseg.engine.work_dir import require_checkpoint
from mmseg.errors import InputError
from mmseg.evaluation.benchmarks import BENCHMARKS, Benchmark, check_zip
from tests.fabricated import small_config, work_dir

SMALL = Benchmark(2, (96, 48), r'[a-z]+_\d{6}_\d{6}\w*\.png', label_ids=True)


def write_zip(path, files):
    with zipfile.ZipFile(path, 'w') as file:
        for name, ids in files.items():
            file.writestr(name, cv2.imencode('.png', np.array(ids))[1].tobytes())
    return path


def full(value, size=(48, 96), dtype=np.uint8):
    return np.full(size, value, dtype)


GOOD = {f'bonn_000000_00000{i}_leftImg8bit.png': full(7) for i in range(2)}


def test_ids_become_those_of_label_files():
    found = BENCHMARKS['cityscapes'].encoded(np.array([[0, 1, 18], [13, 10, 2]]))
    assert found.tolist() == [[7, 8, 33], [26, 23, 11]]
    assert BENCHMARKS['acdc'].encoded(np.array([[0, 18]])).tolist() == [[0, 18]]


@pytest.mark.parametrize('name', ['cityscapes', 'acdc'])
def test_an_output_that_is_no_class_of_the_benchmark_is_refused(name):
    with pytest.raises(InputError, match='predicts the output 19, which is none of the 19 classes'):
        BENCHMARKS[name].encoded(np.array([[0, 19]]))


def test_a_zip_that_keeps_the_rules_is_taken(tmp_path):
    check_zip(write_zip(tmp_path / 'x.zip', GOOD), SMALL)


@pytest.mark.parametrize(
    ('changed', 'said'),
    [
        ({'bonn_000000_000000_leftImg8bit.png': full(0)}, r'holds the ids \[0\].*look like train ids'),
        ({'bonn_000000_000000_leftImg8bit.png': full(7, (24, 48))}, 'is 48x24; results of this benchmark are 96x48'),
        ({'bonn_000000_000000_leftImg8bit.png': full(7, dtype=np.uint16)}, 'one channel of 8 bits'),
        ({'bonn_000000_000000_leftImg8bit.png': full(7, (48, 96, 3))}, 'one channel of 8 bits'),
        ({'0.png': full(7)}, 'is not named as a result'),
        ({'sub/bonn_000000_000001_leftImg8bit.png': full(7)}, 'are results of one image'),
        ({'bonn_000000_000009_leftImg8bit.png': full(7)}, 'holds 3 results; this benchmark has 2 test images'),
    ],
)
def test_a_zip_that_would_be_scored_wrongly_is_refused(tmp_path, changed, said):
    with pytest.raises(InputError, match=said):
        check_zip(write_zip(tmp_path / 'x.zip', GOOD | changed), SMALL)


def test_a_file_that_is_no_zip_is_told(tmp_path, capsys):
    (tmp_path / 'x.zip').write_text('no zip')
    assert submit.main(['--check', str(tmp_path / 'x.zip'), '--benchmark', 'acdc']) == 2
    assert 'is no zip that can be read' in capsys.readouterr().err


def test_the_test_images_of_a_run_are_packed_and_checked(tmp_path, monkeypatch, capsys):
    config = small_config()
    root = tmp_path / 'cityscapes'
    for i in range(2):
        file = root / f'leftImg8bit/test/bonn/bonn_000000_00000{i}_leftImg8bit.png'
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), np.random.default_rng(i).integers(0, 255, (48, 96, 3), dtype=np.uint8))
    config['data']['test']['data_root'] = str(root)
    run = work_dir(tmp_path / 'runs', config)
    monkeypatch.setitem(BENCHMARKS, 'cityscapes', SMALL)
    arguments = [str(run), '--benchmark', 'cityscapes', '--device', 'cpu', '--out']
    assert submit.main([*arguments, str(tmp_path / 'out/x.zip')]) == 0
    assert '2 results for cityscapes, checked' in capsys.readouterr().out
    monkeypatch.setitem(BENCHMARKS, 'cityscapes', Benchmark(3, (96, 48), SMALL.name, label_ids=True))
    assert submit.main([*arguments, str(tmp_path / 'out/y.zip'), '--images', str(root / 'leftImg8bit/test')]) == 2
    assert 'holds 2 results; this benchmark has 3' in capsys.readouterr().err
    assert not (tmp_path / 'out/y.zip').exists()


def test_of_several_sets_one_is_named():
    sets = {'cityscapes': {'type': 'CityscapesDataset'}, 'acdc': {'type': 'ACDCDataset'}}
    assert submit.set_named(sets, 'acdc') == sets['acdc']
    assert submit.set_named(sets['acdc'], None) == sets['acdc']
    for described, name, said in (
        (sets, None, 'has the sets cityscapes, acdc: name one'),
        (sets, 'bdd', '--set bdd: data.test has'),
        (sets['acdc'], 'acdc', 'is one set: leave it out'),
    ):
        with pytest.raises(InputError, match=said):
            submit.set_named(described, name)


SURE = Benchmark(2, (96, 48), r'\w+_rgb_anon\.png', label_ids=False, confidence=True)


def test_confidence_maps_of_16_bits_are_packed_beside_the_ids_where_a_benchmark_takes_them(tmp_path, monkeypatch):
    config = small_config()
    root = tmp_path / 'acdc'
    for i in range(2):
        file = root / f'GOPR{i}_frame_rgb_anon.png'
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), np.random.default_rng(i).integers(0, 255, (48, 96, 3), dtype=np.uint8))
    run = work_dir(tmp_path / 'runs', config)
    monkeypatch.setitem(BENCHMARKS, 'acdc', SURE)
    images = ['--images', str(root), '--device', 'cpu']
    for options in ([], ['--confidence']):
        out = str(tmp_path / f'{len(options)}.zip')
        assert submit.main([str(run), '--benchmark', 'acdc', '--out', out, *images, *options]) == 0
    model = init_segmentor(usable_config_of(run), require_checkpoint(run), 'cpu')
    with zipfile.ZipFile(tmp_path / '1.zip') as file, zipfile.ZipFile(tmp_path / '0.zip') as plain:
        assert sorted(file.namelist()) == [
            f'{kind}/GOPR{i}_frame_rgb_anon.png' for kind in ('confidence', 'labelTrainIds') for i in range(2)
        ]
        ids, sure = (
            cv2.imdecode(np.frombuffer(file.read(f'{kind}/GOPR1_frame_rgb_anon.png'), np.uint8), -1)
            for kind in ('labelTrainIds', 'confidence')
        )
        alone = cv2.imdecode(np.frombuffer(plain.read('GOPR1_frame_rgb_anon.png'), np.uint8), -1)
    found = predict(model, str(root / 'GOPR1_frame_rgb_anon.png'))
    np.testing.assert_array_equal(ids, found.label_map)
    np.testing.assert_array_equal(ids, alone)
    assert sure.dtype == np.uint16
    np.testing.assert_allclose(sure / 65535, found.confidence, atol=1e-5)


def test_confidences_are_refused_where_none_are_taken(tmp_path, capsys):
    arguments = ['work', '--benchmark', 'cityscapes', '--out', str(tmp_path / 'x.zip'), '--confidence']
    assert submit.main(arguments) == 2
    assert 'takes no confidence maps' in capsys.readouterr().err


def test_a_zip_with_ids_and_confidences_has_both_of_every_image(tmp_path):
    ids = {f'labelTrainIds/{i}_rgb_anon.png': full(3) for i in range(2)}
    sure = {f'confidence/{i}_rgb_anon.png': full(9, dtype=np.uint16) for i in range(2)}
    check_zip(write_zip(tmp_path / 'x.zip', ids | sure), SURE)
    for wrong, said in (
        ({'confidence/1_rgb_anon.png': full(9)}, 'one channel of 16 bits'),
        ({'confidence/2_rgb_anon.png': full(9, dtype=np.uint16)}, '2_rgb_anon.png has either ids or a confidence map'),
    ):
        with pytest.raises(InputError, match=said):
            check_zip(write_zip(tmp_path / 'y.zip', ids | sure | wrong), SURE)


def test_folders_called_val_become_those_called_test(tmp_path):
    (tmp_path / 'gt/test').mkdir(parents=True)
    cfg = {
        'type': 'ACDCDataset',
        'data_root': str(tmp_path),
        'img_dir': ['rgb/fog/val', 'rgb/val'],
        'ann_dir': 'gt/val',
    }
    found = of_test_set({'type': 'RepeatDataset', 'times': 1, 'dataset': cfg})['dataset']
    assert (found['img_dir'], found['ann_dir']) == (['rgb/fog/test', 'rgb/test'], 'gt/test')
    assert of_test_set(cfg, labels=False)['ann_dir'] is None
    with pytest.raises(InputError, match='no folder called val'):
        of_test_set({**cfg, 'img_dir': 'validation'})


def test_help_names_every_benchmark(capsys):
    assert set(submit.NAMES) == set(BENCHMARKS)
    with pytest.raises(SystemExit):
        submit.main(['--help'])
    assert json.dumps('cityscapes')[1:-1] in capsys.readouterr().out

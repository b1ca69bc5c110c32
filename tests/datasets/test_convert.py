"""The conversion commands, as users run them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg.datasets.converters import gta as converter
from mmseg.registry import DATASETS
from tests.datasets.samples import write
from tests.parity import golden
from tools.convert_datasets import cityscapes, gta, synthia

TOOLS = Path(__file__).parents[2] / 'tools' / 'convert_datasets'
TABLES = golden('label_tables').arrays
INDEX = ('sample_class_stats.json', 'sample_class_stats_dict.json', 'samples_with_class.json')


def palette_png(path, ids):
    """A label file as GTA5 has it: ids are indices into a palette of colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = Image.fromarray(ids, mode='P')
    file.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tolist())
    file.save(path)


@pytest.fixture
def gta_root(tmp_path):
    for number, ids in enumerate(TABLES['in.gta_id_maps'], start=1):
        palette_png(tmp_path / f'g/labels/{number:05}.png', ids)
    return tmp_path / 'g'


def train_ids(root):
    return np.stack([cv2.imread(str(root / f'labels/0000{i}_labelTrainIds.png'), cv2.IMREAD_UNCHANGED) for i in (1, 2)])


def test_gta_labels_and_index_are_the_references(gta_root):
    assert gta.main([str(gta_root), '--nproc', '1']) == 0
    np.testing.assert_array_equal(train_ids(gta_root), TABLES['gta.tiny_train_ids'])
    for name in INDEX:
        stored = json.loads(str(TABLES[f'gta.tiny.{name}']).replace('g/labels/', 'labels/'))
        assert json.loads((gta_root / name).read_text()) == stored, name


def test_a_converter_runs_as_a_plain_script_on_a_link_from_anywhere(gta_root, tmp_path):
    os.symlink(gta_root, tmp_path / 'link')
    command = [sys.executable, str(TOOLS / 'gta.py'), 'link/', '--nproc', '2']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '2 train-id maps' in done.stdout
    assert done.stderr == ''  # a bar is for a terminal
    np.testing.assert_array_equal(train_ids(gta_root), TABLES['gta.tiny_train_ids'])


def test_the_index_can_go_to_another_folder(gta_root, tmp_path):
    assert gta.main([str(gta_root), '--gt-dir', 'labels', '-o', str(tmp_path / 'index/gta'), '--nproc', '1']) == 0
    assert (tmp_path / 'index/gta/samples_with_class.json').is_file()
    assert not (gta_root / 'samples_with_class.json').exists()


def test_a_second_run_keeps_what_is_whole_and_repairs_what_is_not(gta_root, monkeypatch):
    gta.main([str(gta_root), '--nproc', '1'])
    whole, cut = (gta_root / f'labels/0000{i}_labelTrainIds.png' for i in (1, 2))
    cut.write_bytes(cut.read_bytes()[:40])
    (gta_root / 'sample_class_stats.json').unlink()
    converted, before = [], whole.stat().st_mtime_ns
    read = converter.read
    monkeypatch.setattr(converter, 'read', lambda path: converted.append(path.name) or read(path))
    assert gta.main([str(gta_root), '--nproc', '1']) == 0
    assert converted == ['00002.png']
    assert whole.stat().st_mtime_ns == before
    np.testing.assert_array_equal(train_ids(gta_root), TABLES['gta.tiny_train_ids'])
    assert len(json.loads((gta_root / 'sample_class_stats.json').read_text())) == 2
    assert sorted(path.suffix for path in (gta_root / 'labels').iterdir()) == ['.png'] * 4


def test_several_processes_convert_the_same(tmp_path):
    rng = np.random.default_rng(0)
    ids = {f'{i:05}': rng.integers(0, 34, (8, 12), dtype=np.uint8) for i in range(40)}
    for name, label in ids.items():
        write(tmp_path / f'labels/{name}.png', label)
    assert gta.main([str(tmp_path), '--nproc', '2']) == 0
    for name, label in ids.items():
        made = cv2.imread(str(tmp_path / f'labels/{name}_labelTrainIds.png'), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(made, TABLES['gta.id_to_train_id'][label])


def test_the_dataset_takes_the_converters_index(gta_root, monkeypatch):
    gta.main([str(gta_root), '--nproc', '1'])
    for i in (1, 2):
        write(gta_root / f'images/0000{i}.png', np.zeros((12, 20, 3), np.uint8))
    cfg = {'type': 'GTADataset', 'data_root': str(gta_root), 'img_dir': 'images', 'ann_dir': 'labels', 'pipeline': []}
    monkeypatch.setattr('mmseg.datasets.class_stats.count_files', lambda *a, **k: pytest.fail('counted again'))
    assert DATASETS.build(cfg).class_counts()[:, 0].tolist() == [28, 20]


def test_cityscapes_labels_are_found_in_their_folders(tmp_path):
    ids = np.arange(35, dtype=np.uint8).reshape(5, 7)
    write(tmp_path / 'gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png', ids)
    write(tmp_path / 'gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png', ids.astype(np.uint16) * 1000)
    assert cityscapes.main([f'{tmp_path}/', '--nproc', '1']) == 0
    folder = tmp_path / 'gtFine/train/aachen'
    made = cv2.imread(str(folder / 'aachen_000000_000019_gtFine_labelTrainIds.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(made, TABLES['cityscapes.id_to_train_id'][ids])
    assert len(list(folder.iterdir())) == 3


def synthia_label(ids, instances):
    """A file of SYNTHIA-RAND-CITYSCAPES: class in red, instance in green, 16 bit; OpenCV writes blue, green, red."""
    return np.stack([np.zeros_like(ids), instances, ids], axis=-1).astype(np.uint16)


def test_synthias_classes_are_read_from_the_red_channel(tmp_path):
    rng = np.random.default_rng(0)
    ids = np.concatenate([np.arange(23), rng.integers(0, 23, 37)]).reshape(6, 10)
    write(tmp_path / 'GT/LABELS/0000000.png', synthia_label(ids, rng.integers(0, 1000, (6, 10))))
    assert synthia.main([str(tmp_path), '--nproc', '1']) == 0
    made = cv2.imread(str(tmp_path / 'GT/LABELS/0000000_labelTrainIds.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(made, TABLES['synthia.id_to_train_id'][ids])


@pytest.mark.parametrize(
    ('label', 'said'),
    [
        (np.full((4, 4, 3), 128, np.uint8), 'GT/COLOR'),
        (np.full((4, 4), 3, np.uint8), 'SYNTHIA-SF'),
        (synthia_label(np.full((4, 4), 976), np.zeros((4, 4))), 'holds class 976'),
    ],
)
def test_another_variant_of_synthia_is_recognised(tmp_path, capsys, label, said):
    write(tmp_path / 'GT/LABELS/0000000.png', label)
    assert synthia.main([str(tmp_path), '--nproc', '1']) == 2
    error = capsys.readouterr().err
    assert said in error
    assert 'GT/LABELS of SYNTHIA-RAND-CITYSCAPES' in error


def test_what_cannot_be_converted_is_one_sentence(tmp_path, capsys):
    def refused(*args):
        assert gta.main([str(tmp_path), '--nproc', '1', *args]) == 2
        return capsys.readouterr().err

    assert f"error: Label folder '{tmp_path}/labels' does not exist. Unpack" in refused()
    (tmp_path / 'labels').mkdir()
    assert "holds no file that ends in '.png'" in refused()
    write(tmp_path / 'labels/1.png', np.full((4, 4), 255, np.uint8))
    assert 'None of the 1 label maps has a labelled pixel' in refused()
    write(tmp_path / 'labels/2.png', np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    assert 'it shows colours' in refused()


def test_a_failure_in_another_process_is_one_sentence_too(tmp_path):
    for i in range(40):
        write(tmp_path / f'labels/{i}.png', np.zeros((4, 4, 3) if i == 30 else (4, 4), np.uint8))
    command = [sys.executable, str(TOOLS / 'gta.py'), str(tmp_path), '--nproc', '2']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert '30.png' in done.stderr.splitlines()[-1]
    assert 'Traceback' not in done.stderr


def test_a_folder_elsewhere_is_refused(tmp_path, capsys):
    (tmp_path / 'labels').mkdir()
    (tmp_path / 'root').mkdir()
    assert gta.main([str(tmp_path / 'root'), '--gt-dir', str(tmp_path / 'labels')]) == 2
    assert 'has to lie below' in capsys.readouterr().err

import json
from pathlib import Path

import numpy as np
import pytest

from mmseg.datasets import class_stats
from mmseg.datasets.class_stats import UnusableIndexError, class_counts, count_classes, load_index, write_index
from mmseg.datasets.labels import LabelReader
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import own_data, random_labels, write, write_pairs

READER = LabelReader(num_classes=3)
LABELS = {'a/1.png': [[0, 0, 2]], 'b/1.png': [[1, 255, 2]], 'b/2.png': [[255, 255, 255]]}
COUNTS = {'a/1.png': {0: 2, 2: 1}, 'b/1.png': {1: 1, 2: 1}, 'b/2.png': {}}


@pytest.fixture
def files(tmp_path):
    return {name: write(tmp_path / name, np.array(label, np.uint8)) for name, label in LABELS.items()}


def table(files, root, **options):
    return class_counts(files, READER, root, nproc=1, **options).tolist()


def forbid_counting(monkeypatch):
    monkeypatch.setattr(class_stats, 'count_files', lambda *args, **kwargs: pytest.fail('counted again'))


def test_counting_leaves_out_ignored_pixels_and_absent_classes():
    assert count_classes(np.array([[0, 2, 2], [255, 255, 2]], np.uint8)) == {0: 1, 2: 3}


def test_the_index_is_built_once_in_the_known_form(files, tmp_path, monkeypatch):
    assert table(files, tmp_path) == [[2, 0, 1], [0, 1, 1], [0, 0, 0]]
    stored = {name: json.loads((tmp_path / name).read_text()) for name in (
        'sample_class_stats.json', 'sample_class_stats_dict.json', 'samples_with_class.json')}  # fmt: skip
    assert stored['sample_class_stats.json'][0] == {'0': 2, '2': 1, 'file': 'a/1.png'}
    assert stored['sample_class_stats_dict.json']['b/1.png'] == {'1': 1, '2': 1}
    assert stored['samples_with_class.json'] == {
        '0': [['a/1.png', 2]],
        '1': [['b/1.png', 1]],
        '2': [['a/1.png', 1], ['b/1.png', 1]],
    }
    assert not list(tmp_path.glob('*.tmp'))
    forbid_counting(monkeypatch)
    assert table(files, tmp_path) == [[2, 0, 1], [0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize('prefix', ['data/gta/', 'C:\\data\\gta\\', ''])
def test_an_index_of_the_original_converters_is_understood(files, tmp_path, monkeypatch, prefix):
    separator = '\\' if '\\' in prefix else '/'
    entries = [{**count, 'file': prefix + name.replace('/', separator)} for name, count in COUNTS.items()]
    (tmp_path / 'sample_class_stats.json').write_text(json.dumps(entries))
    forbid_counting(monkeypatch)
    assert table(files, tmp_path) == [[2, 0, 1], [0, 1, 1], [0, 0, 0]]


def unusable(tmp_path, files, reader=READER):
    with pytest.raises(UnusableIndexError) as error:
        load_index(tmp_path, files, reader)
    return str(error.value)


def test_an_index_says_why_it_cannot_be_used(files, tmp_path):
    assert unusable(tmp_path, files) == 'does not exist'
    write_index(tmp_path, files, {name: COUNTS[name] for name in list(COUNTS)[:2]}, READER)
    assert 'lacks 1 of 3 label maps, such as b/2.png' in unusable(tmp_path, files)
    write_index(tmp_path, files, COUNTS, READER)
    assert load_index(tmp_path, files, READER) == COUNTS
    assert 'other classes' in unusable(tmp_path, files, LabelReader(num_classes=2))
    write(files['a/1.png'], np.random.default_rng(0).integers(0, 3, (9, 9), dtype=np.uint8))
    assert 'a/1.png has changed' in unusable(tmp_path, files)
    (tmp_path / 'sample_class_index.json').unlink()
    assert 'counts class 2, there are 2 classes' in unusable(tmp_path, files, LabelReader(num_classes=2))
    (tmp_path / 'sample_class_stats.json').write_text('[')
    assert 'cannot be read' in unusable(tmp_path, files)
    (tmp_path / 'sample_class_stats.json').write_text('[]')
    assert 'lacks 3 of 3' in unusable(tmp_path, files)


def test_a_stale_index_is_built_again_and_the_reason_told(files, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(class_stats, 'print_log', lambda text, *_, **__: said.append(text))
    (tmp_path / 'sample_class_stats.json').write_text(json.dumps([{'0': 5, 'file': 'old/x.png'}]))
    assert table(files, tmp_path) == [[2, 0, 1], [0, 1, 1], [0, 0, 0]]
    assert 'is stale: it lacks 3 of 3' in said[0]


def test_the_index_of_a_read_only_folder_goes_elsewhere(files, tmp_path, monkeypatch):
    root, work_dir = tmp_path / 'a', tmp_path / 'work'
    inside = {'1.png': files['a/1.png']}
    root.chmod(0o555)
    try:
        assert table(inside, root, index_dir=work_dir) == [[2, 0, 1]]
        monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
        assert table(inside, root) == [[2, 0, 1]]
    finally:
        root.chmod(0o755)
    assert not list(root.glob('*.json'))
    assert (work_dir / 'samples_with_class.json').is_file()
    assert len(list((tmp_path / 'cache/mmseg').glob('*/samples_with_class.json'))) == 1
    forbid_counting(monkeypatch)
    assert table(inside, root, index_dir=work_dir) == [[2, 0, 1]]


def test_nothing_labelled_is_refused_with_what_there_is(files, tmp_path):
    reader = LabelReader(num_classes=3, ignored=(7,))
    path = write(tmp_path / 'c.png', np.array([[7, 7, 255]], np.uint8))
    with pytest.raises(InputError, match=r'None of the 1 label maps.*c\.png.*7 \(2 pixels\), 255 \(1 pixels\)'):
        class_counts({'c.png': path}, reader, tmp_path, nproc=1)
    assert not list(tmp_path.glob('*.json'))


def test_several_processes_count_the_same(tmp_path):
    labels = random_labels(40, size=(8, 8))
    write_pairs(tmp_path, labels)
    files = {f'{name}.png': Path(tmp_path, 'labels', f'{name}.png') for name in labels}
    made = class_counts(files, READER, tmp_path, nproc=2)
    assert made.tolist() == [np.bincount(label.ravel(), minlength=3).tolist() for label in labels.values()]


def test_counts_follow_the_order_of_the_images_and_of_equal_names(tmp_path):
    for part in ('one', 'two'):
        write_pairs(tmp_path / part, random_labels(3, seed=len(part) + (part == 'two')))
    folders = {'img_dir': ['two/images', 'one/images'], 'ann_dir': ['two/labels', 'one/labels']}
    dataset = DATASETS.build(own_data(tmp_path, **folders))
    expected = [np.bincount(dataset.label_of(index).ravel(), minlength=3).tolist() for index in range(6)]
    assert dataset.class_counts().tolist() == expected
    assert expected[0] != expected[3]

import json
import os
from pathlib import Path

import numpy as np
import pytest

from mmseg.datasets import class_index, class_stats, training_cache
from mmseg.datasets.class_index import UnusableIndexError, load_index, write_index
from mmseg.datasets.class_stats import class_counts, count_classes
from mmseg.datasets.file_tables import DamagedTableError, load_table, names_to_array, text_from_array
from mmseg.datasets.labels import LabelReader
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import own_data, random_labels, write, write_pairs

READER = LabelReader(num_classes=3)
LABELS = {'a/1.png': [[0, 0, 2]], 'b/1.png': [[1, 255, 2]], 'b/2.png': [[255, 255, 255]]}
COUNTS = {'a/1.png': {0: 2, 2: 1}, 'b/1.png': {1: 1, 2: 1}, 'b/2.png': {}}
TABLE = [[2, 0, 1], [0, 1, 1], [0, 0, 0]]


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
    assert table(files, tmp_path) == TABLE
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
    assert table(files, tmp_path) == TABLE


@pytest.mark.parametrize('prefix', ['data/gta/', 'C:\\data\\gta\\', ''])
def test_an_index_of_the_original_converters_is_understood(files, tmp_path, monkeypatch, prefix):
    separator = '\\' if '\\' in prefix else '/'
    entries = [{**count, 'file': prefix + name.replace('/', separator)} for name, count in COUNTS.items()]
    (tmp_path / 'sample_class_stats.json').write_text(json.dumps(entries))
    forbid_counting(monkeypatch)
    assert table(files, tmp_path) == TABLE


def unusable(tmp_path, files, reader=READER):
    with pytest.raises(UnusableIndexError) as error:
        load_index(tmp_path, files, reader)
    return str(error.value)


def test_an_index_says_why_it_cannot_be_used(files, tmp_path):
    assert unusable(tmp_path, files) == 'does not exist'
    write_index(tmp_path, {name: files[name] for name in list(files)[:2]}, COUNTS, READER)
    assert 'lacks 1 of 3 label maps, such as b/2.png' in unusable(tmp_path, files)
    write_index(tmp_path, files, COUNTS, READER)
    assert load_index(tmp_path, files, READER).tolist() == TABLE
    assert 'other classes' in unusable(tmp_path, files, LabelReader(num_classes=2))
    write(files['a/1.png'], np.random.default_rng(0).integers(0, 3, (9, 9), dtype=np.uint8))
    assert 'a/1.png has changed' in unusable(tmp_path, files)
    (tmp_path / 'sample_class_counts.npz').unlink()
    assert 'counts class 2, there are 2 classes' in unusable(tmp_path, files, LabelReader(num_classes=2))
    (tmp_path / 'sample_class_stats.json').write_text('[')
    assert 'cannot be read' in unusable(tmp_path, files)
    (tmp_path / 'sample_class_stats.json').write_text('[]')
    assert 'lacks 3 of 3' in unusable(tmp_path, files)


def later(path, seconds=5):
    """Move the time of change of a file."""
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + seconds * 10**9))


def test_a_label_map_of_the_same_size_that_was_written_again_is_noticed(files, tmp_path):
    write_index(tmp_path, files, COUNTS, READER)
    later(files['b/1.png'])
    assert 'b/1.png has changed' in unusable(tmp_path, files)


def test_a_label_map_newer_than_a_foreign_index_is_noticed(files, tmp_path):
    (tmp_path / 'sample_class_stats.json').write_text(
        json.dumps([{**count, 'file': name} for name, count in COUNTS.items()])
    )
    later(files['b/2.png'])
    assert 'b/2.png is newer' in unusable(tmp_path, files)


def test_the_table_is_made_from_the_json_and_read_instead_of_it(files, tmp_path, monkeypatch):
    write_index(tmp_path, files, COUNTS, READER)
    (tmp_path / 'sample_class_counts.npz').unlink()
    assert load_index(tmp_path, files, READER).tolist() == TABLE
    assert (tmp_path / 'sample_class_counts.npz').is_file()
    monkeypatch.setattr(class_index, '_load_json', lambda *_: pytest.fail('read the JSON'))
    assert load_index(tmp_path, files, READER).tolist() == TABLE
    backwards = dict(reversed(files.items()))
    assert load_index(tmp_path, backwards, READER).tolist() == TABLE[::-1]


def test_json_files_that_were_written_again_count_more_than_the_table(files, tmp_path):
    write_index(tmp_path, files, COUNTS, READER)
    entries = [{**count, '0': 77, 'file': name} for name, count in COUNTS.items()]
    (tmp_path / 'sample_class_stats.json').write_text(json.dumps(entries))
    assert load_index(tmp_path, files, READER)[:, 0].tolist() == [77, 77, 77]


def test_a_damaged_table_is_as_none(files, tmp_path):
    write_index(tmp_path, files, COUNTS, READER)
    for content in (b'', b'PK nonsense', (tmp_path / 'sample_class_counts.npz').read_bytes()[:300]):
        (tmp_path / 'sample_class_counts.npz').write_bytes(content)
        assert load_index(tmp_path, files, READER).tolist() == TABLE


@pytest.mark.parametrize(
    'change',
    [
        {'counts': np.array([[3, -5, 0]] * 3)},
        {'counts': np.array([[3, -1, 0]] * 3)},
        {'counts': np.zeros(3, np.int64)},
        {'counts': np.full((3, 3), 0.5)},
        {'stamps': np.zeros((2, 2), np.int64)},
        {'folders': np.zeros((9, 1), np.int64)},
        {'meaning': np.full(4, 255, np.uint8)},
        {'names': None},
    ],
)
def test_a_table_that_holds_something_else_is_as_none(files, tmp_path, change):
    write_index(tmp_path, files, COUNTS, READER)
    path = tmp_path / 'sample_class_counts.npz'
    with np.load(path) as stored:
        content = {key: stored[key] for key in stored.files} | change
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    assert load_index(tmp_path, files, READER).tolist() == TABLE


def test_a_table_that_is_packed_is_not_unpacked(files, tmp_path):
    write_index(tmp_path, files, COUNTS, READER)
    path = tmp_path / 'sample_class_counts.npz'
    np.savez_compressed(path, counts=np.zeros((3_000_000, 3), np.int64))
    with pytest.raises(DamagedTableError, match='larger than the file'):
        load_table(path)
    assert load_index(tmp_path, files, READER).tolist() == TABLE


@pytest.mark.parametrize(
    'entry',
    [
        {'-1': 500},
        {'0': -5},
        {'0': 10**23},
        {'0': 5, 'file': 5},
        {'0': '5'},
        {'0': 1.5},
        {'0': True},
        {'road': 5},
        {'²': 5},
    ],
)
def test_counts_that_can_be_none_are_not_believed(files, tmp_path, entry):
    (tmp_path / 'sample_class_stats.json').write_text(json.dumps([{'file': name, **entry} for name in files]))
    assert 'cannot be read' in unusable(tmp_path, files)


@pytest.mark.parametrize('content', [b'[' * 100_000, b'{"a": 1}', b'[1]', b'[null]', b'\xff\xfe', b'5', b'[[]]'])
def test_json_of_another_form_is_not_believed(files, tmp_path, content):
    (tmp_path / 'sample_class_stats.json').write_bytes(content)
    assert 'cannot be read' in unusable(tmp_path, files)


def test_of_many_files_in_unchanged_folders_some_are_compared_and_in_changed_ones_all(files, tmp_path, monkeypatch):
    many = {f'm/{i}.png': write(tmp_path / f'm/{i}.png', np.zeros((1, 1), np.uint8)) for i in range(20)}
    monkeypatch.setattr(class_index, 'SPREAD', 5)
    write_index(tmp_path, many, {name: {0: 1} for name in many}, READER)
    later(many['m/1.png'])
    assert load_index(tmp_path, many, READER).shape == (20, 3)
    later(many['m/8.png'])
    assert 'm/8.png has changed' in unusable(tmp_path, many)
    later(many['m/8.png'], seconds=-5)
    write(tmp_path / 'm/new.png', np.zeros((1, 1), np.uint8))
    assert 'm/1.png has changed' in unusable(tmp_path, many)


def test_the_table_of_a_large_data_set_is_small(tmp_path):
    images = 24966
    names = {f'labels/{i:05}_labelTrainIds.png': tmp_path / 'absent' for i in range(images)}
    counts = np.random.default_rng(0).integers(0, 2_000_000, (images, 3))
    class_index.write_table(tmp_path, names, counts, READER)
    assert (tmp_path / 'sample_class_counts.npz').stat().st_size < 100 * images
    assert (load_index(tmp_path, names, READER) == counts).all()


def test_a_stale_index_is_built_again_and_the_reason_told(files, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(class_stats, 'print_log', lambda text, *_, **__: said.append(text))
    (tmp_path / 'sample_class_stats.json').write_text(json.dumps([{'0': 5, 'file': 'old/x.png'}]))
    assert table(files, tmp_path) == TABLE
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


def test_homes_in_front_of_folders_that_are_written_to_are_written_out(files, tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    assert class_stats._places(tmp_path, '~/index')[1] == tmp_path / 'home' / 'index'
    write_pairs(tmp_path / 'data', random_labels(2))
    dataset = DATASETS.build(own_data(tmp_path / 'data', cache_dir='~/cache'))
    assert training_cache.cache_place(dataset) == tmp_path / 'home' / 'cache'


def test_without_a_known_home_the_index_goes_where_the_labels_are(files, tmp_path, monkeypatch):
    def nobody():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.setattr(Path, 'home', nobody)
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    inside = {'1.png': files['a/1.png']}
    assert table(inside, tmp_path / 'a') == [[2, 0, 1]]
    assert (tmp_path / 'a' / 'samples_with_class.json').is_file()


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


def test_names_and_roots_that_are_no_utf_8_are_kept(tmp_path):
    name = os.fsdecode(b'caf\xe9.png')
    assert text_from_array(names_to_array([name, 'b.png'])).split('\0') == [name, 'b.png']
    assert class_stats._cache(tmp_path / name) != class_stats._cache(tmp_path / 'caf.png')


def test_an_index_that_counts_other_pixels_than_there_are_is_built_again(files, tmp_path):
    entries = [{**count, '0': 77, 'file': name} for name, count in COUNTS.items()]
    (tmp_path / 'sample_class_stats.json').write_text(json.dumps(entries))
    assert table(files, tmp_path) == TABLE
    assert json.loads((tmp_path / 'sample_class_stats.json').read_text())[0] == {'0': 2, '2': 1, 'file': 'a/1.png'}

import numpy as np
import pytest
from PIL import Image

from mmseg.datasets import class_stats, custom
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.labels import label_reader
from mmseg.datasets.sense import pixels_by_class, warn_of_absent_classes
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import own_data, random_labels, train_pipeline, write_pairs

MASKS = {'a': np.array([[0, 0]], np.uint8), 'b': np.array([[0, 255]], np.uint8)}


def test_masks_of_0_and_255_are_refused_with_the_map_that_reads_them(tmp_path):
    data = own_data(write_pairs(tmp_path, MASKS), classes=2, pipeline=[])
    with pytest.raises(InputError, match=r"label_map=\{0: 'class 0', 255: 'class 1'\}.*ignore_index=255"):
        DATASETS.build(data)
    mapped = DATASETS.build(data | {'label_map': {0: 'class 0', 255: 'class 1'}})
    assert mapped.label_of(1).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    'meant',
    [
        {'ignore_index': 255},
        {'ignore': [255]},
        {'label_map': {0: 0}},
        {'reduce_zero_label': True},
        {'classes': list('abc')},
    ],
)
def test_masks_of_0_and_255_pass_where_the_config_says_what_they_are(tmp_path, meant):
    assert len(DATASETS.build(own_data(write_pairs(tmp_path, MASKS), classes=2, pipeline=[]) | meant)) == 2


@pytest.mark.parametrize(
    'silent', [{'ignore': [254]}, {'classes': None, 'label_set': {'classes': ['field', 'forest']}}]
)
def test_masks_of_0_and_255_are_refused_where_the_config_speaks_of_something_else(tmp_path, silent):
    with pytest.raises(InputError, match='hold the values 0 and 255 alone'):
        DATASETS.build(own_data(write_pairs(tmp_path, MASKS), classes=2, pipeline=[]) | silent)


def test_one_pixel_of_the_second_class_anywhere_says_that_255_means_ignored(tmp_path):
    labels = {f'{i:03}': MASKS['b'] for i in range(70)} | {'003': np.array([[1, 0]], np.uint8)}
    assert len(DATASETS.build(own_data(write_pairs(tmp_path, labels), classes=2, pipeline=[]))) == 70


def test_a_second_class_that_is_only_rare_is_not_looked_for_in_all_files(tmp_path, monkeypatch):
    labels = {f'{i:03}': MASKS['a'] for i in range(70)}
    write_pairs(tmp_path, labels)
    read = []
    plain = custom.CustomDataset.label_of
    monkeypatch.setattr(custom.CustomDataset, 'label_of', lambda self, i: read.append(i) or plain(self, i))
    DATASETS.build(own_data(tmp_path, classes=2, pipeline=[]))
    assert len(set(read)) <= 35  # and three of the quick check


def test_where_labels_begin_with_zero_is_a_setting_of_the_data_set(tmp_path):
    steps = train_pipeline()
    steps[1] = {'type': 'LoadAnnotations', 'reduce_zero_label': True}
    data = own_data(write_pairs(tmp_path, random_labels(2)), pipeline=steps)
    with pytest.raises(InputError, match=r'reduce_zero_label=True to the data sets'):
        DATASETS.build(data)
    assert DATASETS.build(data | {'reduce_zero_label': True}).label_of(0).max() == 255


def test_pixels_are_listed_by_class_with_the_images_that_show_it():
    counts = np.array([[90, 0, 5], [0, 0, 5]])
    labels = LabelSet('three', ('field', 'forest', 'lake'))
    assert pixels_by_class(counts, labels) == (
        'Labelled pixels by class, and images that show it, of 2: field 90% in 1, forest 0% in 0, lake 10% in 2.'
    )


@pytest.fixture
def said(monkeypatch):
    """What is said in the log."""
    texts = []
    for module in ('check', 'sense'):
        monkeypatch.setattr(f'mmseg.datasets.{module}.print_log', lambda text, *_, **__: texts.append(text))
    return texts


def absent(said, counts, **reading):
    labels = LabelSet('three', ('field', 'forest', 'lake'))
    warn_of_absent_classes(np.array([counts]), labels, label_reader(labels, **reading))
    return ' '.join(said)


def test_classes_that_no_label_shows_are_named(said):
    told = absent(said, [3, 0, 0])
    assert 'shows the class(es) forest, lake' in told
    assert 'reduce_zero_label' not in told


def test_ids_that_begin_at_one_are_met_with_the_setting_for_them(said):
    assert "begin at 1: if id 1 is meant to be 'field', give the data sets reduce_zero_label=True" in absent(
        said, [0, 4, 4]
    )


@pytest.mark.parametrize('reading', [{'reduce_zero_label': True}, {'label_map': {5: 1, 6: 2}}])
def test_ids_that_the_config_explains_are_not_guessed_at(said, reading):
    assert 'reduce_zero_label' not in absent(said, [0, 4, 4], **reading)


def test_counts_are_known_without_an_index_where_there_are_few_label_maps(tmp_path):
    few = DATASETS.build(own_data(write_pairs(tmp_path / 'few', random_labels(3))))
    np.testing.assert_array_equal(few.known_counts(tmp_path), few.class_counts(tmp_path))
    many = DATASETS.build(own_data(write_pairs(tmp_path / 'many', random_labels(40, size=(4, 4)))))
    assert many.known_counts(tmp_path / 'index') is None
    counted = many.class_counts(tmp_path / 'index')
    np.testing.assert_array_equal(many.known_counts(tmp_path / 'index'), counted)
    repeated = DATASETS.build({'type': 'RepeatDataset', 'times': 2, 'dataset': many})
    np.testing.assert_array_equal(repeated.known_counts(), np.concatenate([counted, counted]))


def labels_without(tmp_path, count, shown):
    """A data set of so many tiny label maps of the class 'class 0', of which those in ``shown`` hold another."""
    labels = {f'{i:03}': np.full((2, 3), shown.get(i, 0), np.uint8) for i in range(count)}
    return DATASETS.build(own_data(write_pairs(tmp_path, labels), classes=2, ignore_index=255))


@pytest.fixture
def looks_at_few(monkeypatch):
    monkeypatch.setattr(class_stats, 'LOOKED_AT', (3, 6))


@pytest.mark.parametrize('count', [3, 5, 9])
def test_of_many_label_maps_too_it_is_told_that_none_shows_a_class(looks_at_few, tmp_path, count):
    made = labels_without(tmp_path, count, {})
    np.testing.assert_array_equal(made.known_counts(tmp_path / 'index'), [[6, 0]] * count)


@pytest.mark.parametrize('count', [3, 5, 9])
def test_of_many_label_maps_too_one_labelled_pixel_is_needed(looks_at_few, tmp_path, count):
    made = labels_without(tmp_path, count, dict.fromkeys(range(count), 255))
    with pytest.raises(InputError, match=rf'None of the {count} label maps has a labelled pixel'):
        made.known_counts(tmp_path / 'index')


@pytest.mark.parametrize(('shown', 'read'), [({4: 1}, 3), ({2: 1}, 9), ({1: 1}, 18)])  # 0, 4, 8; then 0, 2, 3, 5, 6, 8
def test_no_more_label_maps_are_read_than_show_every_class(looks_at_few, tmp_path, monkeypatch, shown, read):
    made = labels_without(tmp_path, 9, shown)
    opened = []
    count = class_stats._count_file
    monkeypatch.setattr(class_stats, '_count_file', lambda path, reader: opened.append(path) or count(path, reader))
    counts = made.known_counts(tmp_path / 'index')
    assert len(opened) == read
    assert (counts is None) == (read < 18)
    if counts is not None:
        assert counts.sum(axis=0).tolist() == [8 * 6, 6]


def turned(path, array, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(array).save(path, exif=exif)


@pytest.mark.parametrize('orientation', range(2, 9))
@pytest.mark.parametrize('color_type', ['color', 'color_ignore_orientation', 'unchanged'])
def test_image_and_label_of_one_orientation_stay_together(tmp_path, orientation, color_type):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'labels').mkdir()
    ids = np.arange(6, dtype=np.uint8).reshape(2, 3)
    turned(tmp_path / 'images/a.png', np.dstack([ids] * 3), orientation)
    turned(tmp_path / 'labels/a.png', ids, orientation)
    loading = [{'type': 'LoadImageFromFile', 'color_type': color_type}, {'type': 'LoadAnnotations'}]
    collecting = {'type': 'Collect', 'keys': ['img', 'gt_semantic_seg'], 'meta_keys': []}
    sample = DATASETS.build(own_data(tmp_path, classes=6, pipeline=[*loading, collecting]))[0]
    np.testing.assert_array_equal(sample['img'][..., 0], sample['gt_semantic_seg'])
    assert (sample['img'].shape[:2] == (3, 2)) is (orientation >= 5 and color_type == 'color')


def test_a_label_drawn_on_what_is_seen_fits_a_photo_taken_sideways(tmp_path):
    write_pairs(tmp_path, {'a': np.zeros((4, 2), np.uint8)})
    turned(tmp_path / 'images/a.png', np.zeros((2, 4, 3), np.uint8), 6)
    assert len(DATASETS.build(own_data(tmp_path, pipeline=[{'type': 'LoadImageFromFile'}]))) == 1
    stored = [{'type': 'LoadImageFromFile', 'color_type': 'color_ignore_orientation'}]
    with pytest.raises(InputError, match=r'4x2 but its label map .* is 2x4'):
        DATASETS.build(own_data(tmp_path, pipeline=stored))


def test_a_label_drawn_on_what_is_stored_is_met_with_the_setting_for_it(tmp_path):
    write_pairs(tmp_path, {'a': np.zeros((2, 4), np.uint8)})
    turned(tmp_path / 'images/a.png', np.zeros((2, 4, 3), np.uint8), 6)
    with pytest.raises(InputError, match=r"color_type='color_ignore_orientation' .* the two fit"):
        DATASETS.build(own_data(tmp_path, pipeline=[{'type': 'LoadImageFromFile'}]))


def test_a_turned_image_with_an_upright_label_is_one_warning_where_sizes_do_not_tell(tmp_path, said):
    write_pairs(tmp_path, random_labels(3, size=(8, 8)))
    for name in ('000', '001'):
        turned(tmp_path / f'images/{name}.png', np.zeros((8, 8, 3), np.uint8), 3)
    DATASETS.build(own_data(tmp_path, pipeline=[{'type': 'LoadImageFromFile'}]))
    assert len(said) == 1
    assert 'EXIF orientation (3)' in said[0]
    stored = [{'type': 'LoadImageFromFile', 'color_type': 'color_ignore_orientation'}]
    DATASETS.build(own_data(tmp_path, pipeline=stored))
    assert len(said) == 1

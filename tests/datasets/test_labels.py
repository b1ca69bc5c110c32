import numpy as np
import pytest
from PIL import Image

from mmseg.datasets.label_sets import CAMVID11, CITYSCAPES19, LabelSet
from mmseg.datasets.labels import LabelReader, label_reader, read_ids
from mmseg.errors import InputError
from tests.datasets.samples import write

TWO = LabelSet('two', ('field', 'forest'))


def test_a_palette_file_is_read_by_its_indices(tmp_path):
    ids = np.array([[7, 26], [34, 0]], np.uint8)
    file = Image.fromarray(ids, mode='P')
    file.putpalette(list(range(255, -1, -1)) * 3)
    file.save(tmp_path / 'p.png')
    assert read_ids(tmp_path / 'p.png').tolist() == ids.tolist()


def test_sixteen_bit_files_are_read_while_their_values_fit(tmp_path):
    write(tmp_path / 'small.png', np.array([[0, 255]], np.uint16))
    assert read_ids(tmp_path / 'small.png').tolist() == [[0, 255]]
    write(tmp_path / 'instances.png', np.array([[7, 26001]], np.uint16))
    with pytest.raises(InputError, match=r'instances\.png.*values from 7 to 26001'):
        read_ids(tmp_path / 'instances.png')


def test_what_is_no_label_map_is_named(tmp_path):
    write(tmp_path / 'colours.png', np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match=r'colours\.png.*3 channels'):
        read_ids(tmp_path / 'colours.png')
    whole = write(tmp_path / 'cut.png', np.random.default_rng(0).integers(0, 200, (64, 64), dtype=np.uint8))
    whole.write_bytes(whole.read_bytes()[:900])
    with pytest.raises(InputError, match=r'cut\.png.*complete'):
        read_ids(whole)
    with pytest.raises(InputError, match=r'none\.png.*does not exist'):
        read_ids(tmp_path / 'none.png')


def read(tmp_path, values, reader):
    return reader(write(tmp_path / 'label.png', np.array([values], np.uint8))).tolist()[0]


def test_values_outside_the_classes_name_file_and_values(tmp_path):
    assert read(tmp_path, [0, 18, 255], label_reader(CITYSCAPES19)) == [0, 18, 255]
    with pytest.raises(InputError, match=r'label\.png.* holds the values 19, 33, which are no class \(0\.\.18 and 255'):
        read(tmp_path, [0, 33, 19, 33, 255], label_reader(CITYSCAPES19))


def test_a_label_map_translates_and_names_what_it_lacks(tmp_path):
    reader = label_reader(TWO, label_map={'40': 'forest', 50: 0}, ignore=[9])
    assert read(tmp_path, [40, 50, 9, 255], reader) == [1, 0, 255, 255]
    with pytest.raises(InputError, match=r'values 41, which are no class in the label_map \(which names 40, 50\)'):
        read(tmp_path, [40, 41], reader)


def test_the_ids_of_cityscapes_can_be_read_directly(tmp_path):
    assert read(tmp_path, [7, 33, 0, 34], label_reader(CITYSCAPES19, label_map='cityscapes')) == [0, 18, 255, 255]
    with pytest.raises(InputError, match='values 35'):
        read(tmp_path, [35], label_reader(CITYSCAPES19, label_map='cityscapes'))


def test_camvids_unlabelled_pixels_are_ignored(tmp_path):
    assert read(tmp_path, [0, 10, 11], label_reader(CAMVID11)) == [0, 10, 255]


def test_reduce_zero_label_shifts_the_classes_down(tmp_path):
    assert read(tmp_path, [0, 1, 2, 255], label_reader(TWO, reduce_zero_label=True)) == [255, 0, 1, 255]
    with pytest.raises(InputError, match='values 3'):
        read(tmp_path, [0, 3], label_reader(TWO, reduce_zero_label=True))


def test_a_reader_without_classes_takes_every_value(tmp_path):
    assert read(tmp_path, [0, 77, 255], LabelReader()) == [0, 77, 255]


def test_another_ignore_index_is_what_ignored_pixels_become(tmp_path):
    reader = label_reader(LabelSet('two', ('field', 'forest'), ignore_index=9), ignore=[4])
    assert read(tmp_path, [0, 1, 4, 9, 255], reader) == [0, 1, 9, 9, 9]


@pytest.mark.parametrize(
    ('label_map', 'said'),
    [
        ({'x': 0}, "'x' is no value"),
        ({300: 0}, '300'),
        ({1: 2}, 'train id 2'),
        ({1: 'forrest'}, "mean 'forest'"),
        ('gta', 'cityscapes'),
    ],
)
def test_a_wrong_label_map_is_refused(label_map, said):
    with pytest.raises(InputError, match=said):
        label_reader(TWO, label_map=label_map)

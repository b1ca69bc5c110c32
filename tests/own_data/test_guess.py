from collections import Counter

import numpy as np
import pytest
from PIL import Image

from mmseg.datasets.class_list import NamedClass, read_classes
from mmseg.errors import InputError
from mmseg.own_data.guess import guess_classes, guess_geometry, guess_iterations, guess_sampling
from mmseg.own_data.look import ImageFacts, LabelFacts, look_at_labels


def labels(**pixels) -> LabelFacts:
    return LabelFacts(1, Counter({int(key[1:]): value for key, value in pixels.items()}))


def images(*sizes) -> ImageFacts:
    return ImageFacts(len(sizes), Counter(sizes), 3, 'uint8', (0.0,) * 3, (1.0,) * 3)


def test_values_from_0_on_are_classes_and_255_is_ignored():
    found = guess_classes(labels(v0=50, v1=30, v2=20, v255=100), None)
    assert (found.names, found.label_map) == (['class_0', 'class_1', 'class_2'], None)
    assert found.shares == [0.25, 0.15, 0.1]
    assert found.ignored == (255, 0.5)
    assert not found.notes


def test_a_rare_0_may_mean_no_data_and_is_pointed_out():
    (note,) = guess_classes(labels(v0=3, v1=60, v2=37), None).notes
    assert '3.0% of the pixels' in note


def test_masks_of_0_and_255_are_two_classes():
    found = guess_classes(labels(v0=75, v255=25), None)
    assert (found.label_map, found.shares) == ({0: 0, 255: 1}, [0.75, 0.25])
    assert found.ignored is None


def test_labels_of_nothing_but_ignored_pixels_are_refused_unless_that_value_is_named():
    with pytest.raises(InputError, match=r'The 1 label maps looked at hold 255 alone.*nothing to learn.*--classes'):
        guess_classes(labels(v255=9), None)
    with pytest.raises(InputError, match='hold 65535 alone'):
        guess_classes(labels(v65535=9), None)
    named = [NamedClass(0, 'ground', None), NamedClass(255, 'road', None)]
    assert guess_classes(labels(v255=9), named).shares == [0, 1]


def test_values_from_1_on_are_reduced_and_others_mapped():
    assert guess_classes(labels(v1=1, v2=1), None).reduce_zero_label
    assert guess_classes(labels(v7=1, v11=1, v255=1), None).label_map == {7: 0, 11: 1}


def test_given_names_decide_and_what_they_leave_out_is_ignored():
    given = [NamedClass(1, 'roof', (255, 0, 0)), NamedClass(4, 'tree', (0, 255, 0)), NamedClass(6, 'car', (0, 0, 255))]
    found = guess_classes(labels(v0=10, v1=60, v4=30), given)
    assert found.names == ['roof', 'tree', 'car']
    assert found.label_map == {1: 0, 4: 1, 6: 2, 0: 255}
    assert found.colours == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert found.notes == [
        'label values without a name are ignored: 0 (10.0%)',
        'no label that was looked at shows car',
    ]


@pytest.mark.parametrize(
    ('sizes', 'scale', 'crop'),
    [
        ([(1914, 1052)], (1397, 768), 512),
        ([(256, 128)], None, 128),
        ([(300, 400), (70, 500)], None, 64),
        ([(20, 20)], None, 32),
    ],
)
def test_large_images_are_seen_smaller_and_crops_fit_the_smallest(sizes, scale, crop):
    found = guess_geometry([images(*sizes)])
    assert (found.scale, found.crop) == (scale, crop)


def test_pixel_counts_of_rare_class_sampling_follow_the_area_of_the_crop():
    assert [guess_sampling(crop)['min_pixels'] for crop in (512, 256, 32)] == [3000, 750, 12]


def test_iterations_follow_the_number_of_images():
    assert [guess_iterations(count) for count in (5, 123, 20_000)] == [2000, 12_000, 40_000]


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('c.txt', 'road\n\nsky\n'),
        ('c.csv', 'ID, Name,r,g,b\n1,sky,0,0,255\n0,road,128,64,128\n'),
        (
            'c.json',
            '[{"id": 1, "name": "sky", "color": [0, 0, 255]}, {"id": 0, "name": "road", "color": [128, 64, 128]}]',
        ),
        ('d.json', '{"0": "road", "1": "sky"}'),
    ],
)
def test_classes_are_read_from_text_csv_and_json(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    found = read_classes(tmp_path / name)
    assert [(entry.value, entry.name) for entry in found] == [(0, 'road'), (1, 'sky')]
    if name.startswith('c.') and name != 'c.txt':
        assert [entry.colour for entry in found] == [(128, 64, 128), (0, 0, 255)]


@pytest.mark.parametrize(
    'text', ['', 'name\nroad\n', 'id,name\nx,road\n', 'id,name,r,g,b\n0,road,1,2,300\n', 'id,name\n0,a\n0,b\n']
)
def test_a_list_that_is_none_is_told(text, tmp_path):
    (tmp_path / 'c.csv').write_text(text)
    with pytest.raises(InputError, match=r'c\.csv'):
        read_classes(tmp_path / 'c.csv')


@pytest.mark.parametrize(
    ('pixels', 'found'),
    [
        ([[[255, 255, 255]], [[255, 0, 0]]], {0xFFFFFF: 1, 0xFF0000: 1}),
        ([[[0, 0, 0]], [[255, 255, 255]]], {0: 1, 0xFFFFFF: 1}),
        ([[1], [2]], {1: 1, 2: 1}),
    ],
    ids=['the first is white alone', 'black and white', 'ids'],
)
def test_labels_are_colours_if_any_of_the_first_is(tmp_path, pixels, found):
    for i, one in enumerate(pixels):
        Image.fromarray(np.array([one], np.uint8)).save(tmp_path / f'{i}.png')
    looked = look_at_labels(tmp_path, ['0.png', '1.png'])
    assert looked.pixels == found
    assert looked.are_colours == (max(found) > 2)


def test_names_without_colours_cannot_tell_what_coloured_labels_show():
    coloured = LabelFacts(1, Counter({0xFFFFFF: 5, 0xFF0000: 3}), are_colours=True)
    with pytest.raises(InputError, match=r'gives none to house: .* labels: \[255, 255, 255\], \[255, 0, 0\]'):
        guess_classes(coloured, [NamedClass(0, 'house', None)])


@pytest.mark.parametrize(
    ('found', 'label_map', 'reduced', 'told'),
    [
        (labels(_0=9, _255=1), {0: 0, 255: 1}, False, '0 is ground, 255 is house'),
        (labels(_1=9, _2=1, _255=3), None, True, '1 is ground, 2 is house'),
        (labels(_7=9, _11=1), {7: 0, 11: 1}, False, '7 is ground, 11 is house'),
    ],
    ids=['a mask', 'from 1 on', 'gaps'],
)
def test_as_many_names_as_values_go_with_them_in_order(found, label_map, reduced, told):
    classes = guess_classes(found, [NamedClass(0, 'ground', None), NamedClass(1, 'house', None)])
    assert classes.names == ['ground', 'house']
    assert (classes.label_map, classes.reduce_zero_label) == (label_map, reduced)
    assert classes.notes[-1].endswith(told)

from pathlib import Path

import pytest

from mmseg.datasets.files import Suffixes
from mmseg.errors import InputError
from mmseg.own_data.naming import image_files, paired_naming, suffix_naming, twin_ends

WHERE = (Path('images'), Path('labels'))


@pytest.mark.parametrize(
    ('images', 'labels', 'suffixes'),
    [
        (['a.jpg', 'b.jpg'], ['a.png', 'b.png'], ('.jpg', '.png')),
        (['f1.jpg', 'f10.jpg', 'f2.jpg'], ['f1.png', 'f10.png', 'f2.png'], ('.jpg', '.png')),
        (['x/a_rgb.png', 'y/b_rgb.png'], ['x/a_ids.png', 'y/b_ids.png'], ('_rgb.png', '_ids.png')),
        (['a.png', 'b.png'], ['a_mask.png', 'b_mask.png'], ('.png', '_mask.png')),
        (
            ['c/c_0_leftImg8bit.png', 'c/c_1_leftImg8bit.png'],
            ['c/c_0_gtFine_color.png', 'c/c_0_gtFine_labelIds.png', 'c/c_1_gtFine_labelIds.png'],
            ('_leftImg8bit.png', '_gtFine_labelIds.png'),
        ),
        (['a.tif', 'b.tif', 'c.TIF'], ['a.tif', 'b.TIF', 'c.tif'], ('.tif', '.tif')),
    ],
)
def test_the_ends_of_names_are_found_by_what_pairs_most_images(images, labels, suffixes):
    found = paired_naming(images, labels, where=WHERE)
    assert (found.suffixes.img[0], found.suffixes.seg_map) == suffixes


def test_a_suffix_counts_in_any_case_as_in_the_data_sets_and_other_files_are_told():
    found = paired_naming(['a.jpg', 'b.JPG', 'c.bmp'], ['a.png', 'b.png'], where=WHERE)
    assert (found.names, found.others) == (['a.jpg', 'b.JPG'], {'.bmp': 1})
    assert suffix_naming(['a.png', 'b.jpg', 'c.JPG']).suffixes.img == ('.jpg', '.png')
    both = paired_naming(['a.jpg', 'b.png', 'c.jpg'], ['a.png', 'b.png', 'c.png'], where=WHERE)
    assert both.suffixes.img == ('.jpg', '.png')


def test_an_image_without_a_label_is_named_as_the_data_set_would_refuse_it():
    with pytest.raises(InputError, match=r'1 of 3 images in images have no label map in labels: b\.jpg needs b\.png'):
        paired_naming(['a.jpg', 'b.jpg', 'c.jpg'], ['a.png', 'c.png'], where=WHERE)


def test_names_that_do_not_pair_are_told():
    with pytest.raises(InputError, match=r'first image: x/a\.png, first label: y/a\.png'):
        paired_naming(['x/a.png'], ['y/a.png'], where=WHERE)


def test_hidden_files_are_no_images_and_empty_folders_are_told(tmp_path):
    (tmp_path / '.a.png').touch()
    with pytest.raises(InputError, match='holds no images'):
        image_files(tmp_path)
    with pytest.raises(InputError, match='does not exist'):
        image_files(tmp_path / 'gone')


def test_further_label_files_of_an_image_are_told():
    labels = [f'bonn/{i}_gtFine_{kind}.png' for i in range(3) for kind in ('color', 'instanceIds', 'labelIds')]
    found = paired_naming([f'bonn/{i}_leftImg8bit.png' for i in range(3)], labels, where=WHERE)
    assert found.suffixes[:2] == (('_leftImg8bit.png',), '_gtFine_color.png')
    assert found.other_labels == {'_gtFine_instanceIds.png': 3, '_gtFine_labelIds.png': 3}


@pytest.mark.parametrize(
    ('images', 'like', 'names', 'suffixes'),
    [
        (['0.png', '0_l.png', '1.png'], (('.png',), '_l.png'), ['0.png', '1.png'], (('.png',), '_l.png')),
        (['0.jpg', '0.png', '1.jpg'], (('.jpg',), '.png'), ['0.jpg', '1.jpg'], (('.jpg',), '.png')),
        (['0.png', '0_l.png'], (('.png',), '.png'), ['0.png', '0_l.png'], (('.png',), '')),
    ],
)
def test_label_maps_that_are_called_as_those_of_the_source_are_no_images_of_the_target(images, like, names, suffixes):
    found = suffix_naming(images, Suffixes(*like))
    assert (found.names, found.suffixes[:2]) == (names, suffixes)
    assert sum(found.others.values()) == len(images) - len(names)


@pytest.mark.parametrize(
    ('images', 'ends'),
    [
        (['0.png', '0_l.png', '1.png', '1_l.png', '10.png', '10_l.png'], ('.png', '_l.png')),
        (['0.jpg', '0.png', '1.jpg', '1.png'], ('.jpg', '.png')),
        (['0.png', '0_l.png', '1.png'], None),
        (['1.png', '10.png'], None),
    ],
)
def test_images_of_which_each_lies_beside_another_are_told(images, ends):
    assert twin_ends(images) == ends

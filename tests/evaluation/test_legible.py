"""Lines between classes, legends and dark images: what they show, by hand."""

import numpy as np
import pytest

from mmseg.evaluation.legible import Entry, entries_of, legend_strip, stretched, with_contours, with_legend

RED, BLUE = (200, 0, 0), (0, 0, 180)


@pytest.mark.parametrize(('grey', 'line'), [(0, 191), (40, 201), (200, 50)])
def test_a_line_is_bright_on_a_dark_picture_and_dark_on_a_bright_one(grey, line):
    label_map = np.repeat([[0, 0, 1, 1]], 4, 0)
    drawn = with_contours(np.full((4, 4, 3), grey, np.uint8), label_map)
    assert drawn[..., 0].tolist() == [[grey, grey, line, grey]] * 4  # a quarter of the picture, three of white or black


def test_lines_are_wider_in_larger_pictures_and_absent_within_a_class():
    picture = np.zeros((1200, 1200, 3), np.uint8)
    assert np.array_equal(with_contours(picture, np.zeros((1200, 1200), int)), picture)
    halves = np.repeat(np.arange(1200)[None] // 600, 1200, 0)
    assert np.count_nonzero(with_contours(picture, halves)[0, :, 0]) == 3
    assert not picture.any()


def test_a_legend_has_the_classes_that_occur_largest_first_with_their_shares():
    label_map = np.array([[1, 1, 1, 0], [1, 1, 1, 255], [1, 1, 1, 1], [1, 1, 1, 1]])
    entries = entries_of(label_map, ['road', 'sky', 'car'], [RED, BLUE, (0, 9, 0)])
    assert entries == [Entry('sky', BLUE, 14 / 16), Entry('road', RED, 1 / 16)]
    assert [entry.text for entry in entries] == ['sky 88 %', 'road 6 %']
    assert Entry('bus', RED, 0.009).text == 'bus < 1 %'


def test_a_legend_is_below_a_picture_that_stays_as_it_is():
    picture = np.arange(300 * 400 * 3).reshape(300, 400, 3).astype(np.uint8)
    shown = with_legend(picture, [Entry('road', RED, 0.6), Entry('sky', BLUE, 0.4)])
    assert np.array_equal(shown[:300], picture)
    assert {RED, BLUE, (255, 255, 255)} <= set(map(tuple, shown[300:].reshape(-1, 3).tolist()))
    narrow = with_legend(picture[:, :20], [Entry('road', RED, 1.0)])
    assert np.array_equal(narrow[:300, :20], picture[:, :20])
    assert narrow.shape[1] == 260


def test_many_classes_take_more_lines():
    entries = [Entry(f'class {i}', (i, i, i), 0.05) for i in range(19)]
    narrow, wide = legend_strip(entries, 300), legend_strip(entries, 600)  # the text has the same size
    assert 300 > narrow.shape[0] > 1.7 * wide.shape[0]
    assert all((narrow == i).all(axis=2).any() for i in range(19))


def test_a_dark_image_is_stretched_with_its_hues_and_a_bright_one_is_not():
    image = np.full((10, 10, 3), (20, 10, 5), np.uint8)
    image[:, 5:] = (40, 20, 10)
    image[0, 0], image[0, 9] = 0, (80, 80, 80)
    bright = stretched(image)
    assert bright.max() == 255
    assert np.median(bright.max(axis=2)) > 90
    red, green, blue = bright[5, 7].astype(float)
    assert red / green == pytest.approx(2, rel=0.05)
    assert red / blue == pytest.approx(4, rel=0.05)
    assert stretched(np.clip(image * 4, 0, 255).astype(np.uint8)) is None
    assert stretched(np.full((4, 4, 3), 7, np.uint8)) is None  # nothing to see in it either way

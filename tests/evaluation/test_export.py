import time

import cv2
import numpy as np
import pytest
import torch

from mmseg.datasets.label_sets import CITYSCAPES19, distinct_colours
from mmseg.errors import InputError
from mmseg.evaluation import export
from mmseg.evaluation.export import PictureNames, PredictionWriter, colorize, overlay

PALETTE = ((10, 20, 30), (200, 100, 50))


def read_rgb(path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]


def test_every_class_gets_its_colour_and_everything_else_black():
    label_map = np.array([[0, 1, 255], [2, -1, 1]])
    colours = [[[10, 20, 30], [200, 100, 50], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [200, 100, 50]]]
    assert colorize(label_map, PALETTE).tolist() == colours
    assert colorize(torch.from_numpy(label_map), PALETTE).tolist() == colours


def test_forty_classes_have_forty_colours():
    picture = colorize(np.arange(40)[None], distinct_colours(40))
    assert len(np.unique(picture[0], axis=0)) == 40


def test_opacity_mixes_image_and_colours():
    image = np.full((1, 2, 3), 100, np.uint8)
    label_map = np.array([[0, 1]])
    assert overlay(image, label_map, PALETTE, 1.0)[..., ::-1].tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert overlay(image, label_map, PALETTE, 0.25)[..., ::-1].tolist() == [[[78, 80, 82], [125, 100, 88]]]


def test_colours_are_written_under_the_path_of_the_image(tmp_path):
    label_map = np.array([[0, 1], [1, 0]])
    with PredictionWriter(tmp_path / 'out', palette=PALETTE) as writer:
        path = writer.write(label_map, 'images/aachen/a.jpg', 'aachen/a.jpg')
    assert path == tmp_path / 'out' / 'aachen' / 'a.png'
    np.testing.assert_array_equal(read_rgb(path), colorize(label_map, PALETTE))


def test_overlays_are_drawn_on_the_image_file(tmp_path):
    image = np.full((4, 4, 3), 60, np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    with PredictionWriter(tmp_path / 'out', palette=PALETTE, opacity=0.5) as writer:
        path = writer.write(np.zeros((4, 4), int), tmp_path / 'a.png')
    assert read_rgb(path)[0, 0].tolist() == [35, 40, 45]


@pytest.mark.parametrize(('highest', 'dtype'), [(18, np.uint8), (255, np.uint8), (256, np.uint16), (3000, np.uint16)])
def test_ids_are_written_exactly_in_as_many_bits_as_they_need(tmp_path, highest, dtype):
    label_map = np.random.default_rng(highest).integers(0, highest + 1, (20, 30))
    label_map[3, 4] = highest
    with PredictionWriter(tmp_path, palette=None) as writer:
        path = writer.write(label_map, 'a.png')
    written = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert written.dtype == dtype
    np.testing.assert_array_equal(written, label_map)


def test_ids_of_many_classes_have_16_bits_in_every_file_whatever_it_shows(tmp_path):
    with PredictionWriter(tmp_path, palette=None, classes=300) as writer:
        path = writer.write(np.zeros((4, 4), int), 'a.png')
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).dtype == np.uint16


def test_few_label_maps_wait_when_writing_is_slow(tmp_path, monkeypatch):
    most = 0

    def slowly(path, picture) -> None:
        time.sleep(0.01)

    monkeypatch.setattr(export, 'write_png', slowly)
    with PredictionWriter(tmp_path, palette=PALETTE, threads=2) as writer:
        for i in range(20):
            writer.write(np.zeros((2, 2), int), f'{i}.png')
            most = max(most, len(writer._waiting))
    assert most == 2 * export.WAITING_PER_WRITER


def test_a_folder_that_cannot_be_written_is_an_error_and_not_lost_in_a_thread(tmp_path):
    (tmp_path / 'file').write_text('in the way')
    with (
        pytest.raises(InputError, match='cannot be written'),
        PredictionWriter(tmp_path / 'file', palette=CITYSCAPES19.palette) as writer,
    ):
        writer.write(np.zeros((2, 2), int), 'a.png')


def test_an_opacity_outside_its_range_is_refused(tmp_path):
    with pytest.raises(InputError, match=r'not 1\.5'):
        PredictionWriter(tmp_path, palette=PALETTE, opacity=1.5)


def infos(*files: str) -> list[dict]:
    return [dict(zip(('img_dir', 'filename'), file.split('|'), strict=True)) for file in files]


def test_pictures_lie_below_the_folder_of_all_images_and_are_png():
    name_of = PictureNames(infos('all/a|x.jpg', 'all/b|x.jpg', 'all/b|x.jpg'))
    assert [name_of(image).as_posix() for image in ('all/a/x.jpg', 'all/b/x.jpg')] == ['a/x.png', 'b/x.png']


def test_two_images_that_would_share_a_picture_get_one_each():
    images = ('x.jpg', 'x.png', 'x.jpg.png', 'X.JPG', 'y/x.tif')
    name_of = PictureNames(infos(*(f'images|{image}' for image in images)))
    pictures = [name_of(f'images/{image}').as_posix() for image in images]
    assert pictures == ['x.jpg.png', 'x.png.png', 'x.jpg.png.png', 'X.JPG.png', 'y/x.tif.png']

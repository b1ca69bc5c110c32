"""What the page is told of an image, by hand, and what it is refused."""

import base64
import io
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmseg.datasets.pipelines.loading import LoadImageFromFile
from mmseg.errors import InputError
from mmseg.prediction.block import Block
from mmseg.prediction.predictor import Whole
from mmseg.web import offered
from mmseg.web.answers import answer, packed, read_upload, shares
from mmseg.web.offered import Run, offered_of

LOAD = LoadImageFromFile()


def file_of(pixels, kind='PNG', **how):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind, **how)
    return buffer.getvalue()


class Halves:
    """Says 'road' of the left half of an image and 'sky' of the right one, with confidences 0.2 and 0.8."""

    model = SimpleNamespace(CLASSES=('road', 'car', 'sky'), PALETTE=((1, 2, 3), (4, 5, 6), (7, 8, 9)))
    load = LOAD

    def each(self, images):
        for image in images:
            height, width = image.shape[:2]
            label_map = torch.zeros(height, width, dtype=torch.uint8)
            label_map[:, width // 2 :] = 2
            block = Block(slice(0, height), slice(0, width), label_map, torch.where(label_map > 0, 0.8, 0.2))
            yield Whole(block, 1.0)


def decoded(uri):
    return cv2.imdecode(np.frombuffer(base64.b64decode(uri.partition(',')[2]), np.uint8), cv2.IMREAD_UNCHANGED)


def test_an_answer_has_the_image_the_map_and_the_classes_that_occur():
    pixels = np.full((8, 10, 3), 90, np.uint8)
    told = answer(Halves(), pixels)
    assert (told['width'], told['height']) == (10, 8)
    assert np.abs(decoded(told['image']).astype(int) - 90).max() <= 2
    confidence, high, low = (decoded(told['map'])[..., band] for band in range(3))
    assert low.tolist() == [[0] * 5 + [2] * 5] * 8
    assert not high.any()
    assert confidence.tolist() == [[51] * 5 + [204] * 5] * 8
    assert told['classes'] == ['road', 'car', 'sky']
    assert [entry['id'] for entry in told['shown']] == [0, 2]
    assert [entry['share'] for entry in told['shown']] == [0.5, 0.5]
    assert [entry['confidence'] for entry in told['shown']] == pytest.approx([0.2, 0.8])


def test_outputs_beyond_the_classes_have_a_name_and_a_colour_on_the_page():
    class Fewer(Halves):
        model = SimpleNamespace(CLASSES=('road',), PALETTE=((1, 2, 3),))

    told = answer(Fewer(), np.zeros((8, 10, 3), np.uint8))
    assert [entry['id'] for entry in told['shown']] == [0, 2]
    assert told['classes'] == ['road', 'no class', 'no class']
    assert told['palette'] == [[1, 2, 3], [0, 0, 0], [0, 0, 0]]


def test_ids_beyond_a_byte_and_largest_classes_first():
    label_map = np.array([[300, 5, 300]])
    assert packed(label_map, np.array([[0.0, 1.0, 0.5]])).tolist() == [[[0, 1, 44], [255, 0, 5], [128, 1, 44]]]
    assert [one['id'] for one in shares(label_map, np.ones((1, 3)))] == [300, 5]


def test_a_photo_is_read_as_its_orientation_says_and_whatever_its_name():
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[0] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    turned = read_upload(file_of(picture, 'JPEG', exif=exif), '../../a.jpg', LOAD, most_megapixels=1)
    assert turned.shape == (6, 4, 3)
    assert read_upload(file_of(picture), 'no ending', LOAD, most_megapixels=1).shape == (4, 6, 3)


def test_a_large_image_and_a_broken_one_are_a_sentence_with_the_file_s_own_name():
    content = file_of(np.zeros((200, 100, 3), np.uint8))
    assert read_upload(content, 'a.png', LOAD, most_megapixels=0.02).shape == (200, 100, 3)
    with pytest.raises(InputError, match=r'^a\.png has 0\.0 megapixels, and the page takes up to 0\.01: make it'):
        read_upload(content, 'a.png', LOAD, most_megapixels=0.01)
    with pytest.raises(InputError, match=r'^a\.txt cannot be read as an image: drop a PNG'):
        read_upload(b'no image', 'a.txt', LOAD, most_megapixels=1)
    with pytest.raises(InputError, match=r"^Image 'a\.png' cannot be decoded"):
        read_upload(content[: len(content) // 2], 'a.png', LOAD, most_megapixels=1)


def test_a_run_offers_student_and_teacher_and_a_file_with_one_network_that_one(monkeypatch, tmp_path):
    def load(config, checkpoint, device, *, weights=None, trust=False):
        if weights == 'teacher' and checkpoint.name == 'plain.pth':
            raise InputError('no teacher')
        evaluated = 'teacher' if checkpoint.name == 'evaluates_teacher.pth' else 'student'
        return SimpleNamespace(origin=SimpleNamespace(weights=weights or evaluated))

    monkeypatch.setattr(offered, 'init_segmentor', load)
    monkeypatch.setattr(offered, 'Predictor', lambda model: model.origin.weights)
    runs = [Run(name, tmp_path, tmp_path / f'{name}.pth') for name in ('plain', 'both', 'evaluates_teacher')]
    assert offered_of(runs) == [
        ('plain', 'student'),
        ('both, student', 'student'),
        ('both, teacher', 'teacher'),
        ('evaluates_teacher, teacher', 'teacher'),
        ('evaluates_teacher, student', 'student'),
    ]
    with pytest.raises(InputError, match='Two runs are called plain'):
        offered_of([runs[0], runs[0]])

import warnings

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmseg.apis import inference_segmentor, init_segmentor, predict
from mmseg.datasets.pipelines.loading import LoadImageFromFile
from mmseg.errors import InputError
from mmseg.prediction.inputs import pixels_of
from mmseg.prediction.result import Prediction
from tests.fabricated import RUN, work_dir


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    run = work_dir(tmp_path_factory.mktemp('runs'))
    return init_segmentor(run / f'{RUN}.json', run / 'latest.pth', device='cpu')


@pytest.fixture(scope='module')
def bgr():
    return np.random.default_rng(0).integers(0, 256, (40, 70, 3)).astype(np.uint8)


def test_paths_arrays_pil_images_and_tensors_of_one_image_are_one_prediction(model, bgr, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), bgr)
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    tensor = torch.from_numpy(rgb).permute(2, 0, 1)
    expected = inference_segmentor(model, bgr)[0]
    for image in (tmp_path / 'a.png', str(tmp_path / 'a.png'), rgb, Image.fromarray(rgb), tensor, tensor / 255):
        np.testing.assert_array_equal(predict(model, image).label_map, expected)
    np.testing.assert_array_equal(predict(model, bgr, channel_order='bgr').label_map, expected)


def test_grey_images_are_repeated_and_a_fourth_channel_covers_nothing(model, bgr):
    grey = bgr[..., 0]
    three = predict(model, np.repeat(grey[..., None], 3, axis=2)).label_map
    np.testing.assert_array_equal(predict(model, grey).label_map, three)
    covered = np.dstack([bgr, np.zeros_like(grey)])
    np.testing.assert_array_equal(
        predict(model, covered, channel_order='bgr').label_map, predict(model, bgr, channel_order='bgr').label_map
    )


def test_several_images_are_a_list_whatever_holds_them(model, bgr):
    two = np.stack([bgr, bgr[::-1]])
    expected = [predict(model, image).label_map for image in two]
    for images in (two, list(two), torch.from_numpy(two).permute(0, 3, 1, 2)):
        found = predict(model, images, batch=2)
        assert len(found) == 2
        assert all(np.array_equal(one.label_map, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize('options', [{}, {'tile': 32, 'overlap': 8, 'batch': 2}])
def test_probabilities_confidence_and_picture_belong_together(model, bgr, options):
    found = predict(model, bgr, return_probs=True, **options)
    assert found.probs.shape == (19, 40, 70)
    np.testing.assert_allclose(found.confidence, found.probs.max(axis=0), atol=1e-6)
    assert found.picture(1).tolist() == np.array(model.PALETTE, np.uint8)[found.label_map].tolist()
    shown = cv2.imdecode(np.frombuffer(found._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(shown[..., ::-1], found.picture(contours=True, legend=True))
    assert predict(model, bgr, **options).probs is None


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (7, 'not int'),
        (np.zeros((4, 4, 3)), 'float64'),
        (torch.full((3, 4, 4), 2.0), r'0\.\.1'),
        (torch.zeros(4), r'\(C, H, W\)'),
        (np.zeros((0, 4, 3), np.uint8), r'\(0, 4, 3\)'),
    ],
)
def test_what_is_no_image_is_told(model, image, message):
    with pytest.raises(InputError, match=message):
        predict(model, image)


def test_of_deep_images_the_upper_8_bits_are_read_whatever_holds_them_and_that_is_said(model, bgr, tmp_path):
    deep = bgr.astype(np.uint16) * 256 + 7
    cv2.imwrite(str(tmp_path / 'a.png'), deep)
    expected = predict(model, bgr, channel_order='bgr').label_map
    for image in (tmp_path / 'a.png', deep, torch.from_numpy(deep.transpose(2, 0, 1))):
        with pytest.warns(UserWarning, match='of its 16 bits the upper 8 are read'):
            found = predict(model, image, channel_order='bgr')
        np.testing.assert_array_equal(found.label_map, expected)
    with pytest.warns(UserWarning, match=r'a\.png: of its 16 bits'):
        np.testing.assert_array_equal(inference_segmentor(model, tmp_path / 'a.png')[0], expected)
    with pytest.warns(UserWarning, match='16 bits') as said:
        predict(model, [deep] * 3, channel_order='bgr')
    assert [str(one.message).split(': ')[-1] for one in said][1:] == ['so with 2 more images.']
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        predict(model, bgr)


def test_an_image_that_becomes_tiny_is_pointed_out_unless_it_goes_through_windows(model):
    large = np.zeros((160, 640, 3), np.uint8)  # the pipeline makes images 128 pixels wide
    with pytest.warns(UserWarning, match=r'image: the test pipeline makes this image 5\.0 times smaller'):
        predict(model, large)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        predict(model, large, tile=640, scale=0.2)


@pytest.mark.parametrize(
    'load', [{}, {'color_type': 'grayscale'}, {'color_type': 'unchanged'}], ids=['color', 'grayscale', 'unchanged']
)
@pytest.mark.parametrize('kind', ['grey', 'rgb', 'rgba', 'grey16', 'palette', 'two values'])
def test_a_pil_image_is_what_its_file_is_to_the_network(load, kind, bgr, tmp_path):
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    made = {
        'grey': lambda: Image.fromarray(bgr[..., 0]),
        'rgb': lambda: Image.fromarray(rgb),
        'rgba': lambda: Image.fromarray(np.dstack([rgb, bgr[..., 0]])),
        'grey16': lambda: Image.fromarray(bgr[..., 0].astype(np.uint16) * 200),
        'palette': lambda: Image.fromarray(rgb).quantize(32),
        'two values': lambda: Image.fromarray(bgr[..., 0]).convert('1'),
    }[kind]()
    made.save(tmp_path / 'a.png')
    step = LoadImageFromFile(**load)
    stored, given = pixels_of(tmp_path / 'a.png', 'rgb', step), pixels_of(made, 'rgb', step)
    assert given.shape == stored.shape
    assert given.dtype == stored.dtype
    assert np.abs(given.astype(int) - stored).max() <= 1  # two libraries round grey differently


def test_values_of_networks_for_other_bands_are_taken_as_files_have_them():
    step = LoadImageFromFile(color_type='unchanged')
    reflectance = torch.rand(5, 4, 6)
    np.testing.assert_array_equal(pixels_of(reflectance, 'rgb', step), reflectance.numpy().transpose(1, 2, 0))
    chosen = LoadImageFromFile(color_type='unchanged', bands=[0, 3])
    rgba = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(pixels_of(Image.fromarray(rgba), 'rgb', chosen), rgba[..., [0, 3]])


def test_an_array_of_floats_is_no_picture(model):
    with pytest.raises(InputError, match='as uint8, not float32'):
        predict(model, np.zeros((40, 70, 3), np.float32))


def test_without_a_picture_a_prediction_says_its_size_and_its_largest_classes():
    label_map = np.array([[0, 1, 1, 1], [2, 2, 1, 1]], np.uint8)
    found = Prediction(label_map, label_map, None, ('road', 'car', 'sky'), ((1, 2, 3),) * 3, label_map)
    assert repr([found]) == '[Prediction(4x2: car 62 %, sky 25 %, road 12 %)]'

"""Images of other bands or another depth than a pipeline or a network takes."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mmseg.datasets import bands
from mmseg.datasets.bands import in_header, stored
from mmseg.datasets.pipelines.loading import read_image
from mmseg.engine.checks.class_check import check_channels, input_channels
from mmseg.errors import InputError
from mmseg.registry import DATASETS, MODELS
from tests.datasets.samples import own_data, write
from tests.models.networks import tiny_segmentor

FOUR = {'mean': [1.0] * 4, 'std': [2.0] * 4, 'to_rgb': False}


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(bands, 'print_log', lambda text, *_, **__: texts.append(text))
    return texts


def image(folder, channels=3, dtype=np.uint8, suffix='.png'):
    shape = (4, 4) if channels == 1 else (4, 4, channels)
    write(folder / f'images/a{suffix}', np.zeros(shape, dtype))
    return folder


def dataset(folder, *steps, color_type='color', **options):
    loading = {'type': 'LoadImageFromFile', 'color_type': color_type}
    return DATASETS.build(own_data(folder, ann_dir=None, pipeline=[loading, *steps], **options))


GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)
COLOUR = np.dstack([GREY, GREY, 255 - GREY])
PICTURES = {
    'grey.jpg': (GREY, None, {}),
    'colour.jpg': (COLOUR, None, {'progressive': True, 'comment': 'of a camera'}),
    'print.jpg': (COLOUR, 'CMYK', {}),
    'grey.png': (GREY, None, {}),
    'bits.png': (GREY, '1', {}),
    'covered.png': (GREY, 'LA', {}),
    'palette.png': (COLOUR, 'P', {}),
    'sprite.png': (COLOUR, 'P', {'transparency': 3}),
    'key.png': (COLOUR, None, {'transparency': (1, 2, 3)}),
}


@pytest.mark.parametrize('name', PICTURES)
def test_the_header_says_what_the_decoder_gives(tmp_path, name):
    pixels, mode, options = PICTURES[name]
    picture = Image.fromarray(pixels)
    (picture if mode is None else picture.convert(mode)).save(tmp_path / name, **options)
    decoded = read_image(tmp_path / name, 'unchanged')
    assert in_header(tmp_path / name) == (decoded.dtype, 1 if decoded.ndim == 2 else decoded.shape[2])


def test_a_jpeg_that_ends_in_its_header_says_nothing(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / 'a.jpg')
    (tmp_path / 'b.jpg').write_bytes((tmp_path / 'a.jpg').read_bytes()[:30])
    assert in_header(tmp_path / 'b.jpg') is None


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_depth_and_bands_of_a_file_are_known(tmp_path, suffix, channels, dtype):
    image(tmp_path, channels, dtype, suffix)
    assert stored(tmp_path / f'images/a{suffix}') == (dtype, channels)


@pytest.mark.parametrize(
    ('file', 'color_type', 'told'),
    [
        ((3, np.uint16), 'color', 'it is uint16, of which 8 bits are kept with color_type='),
        ((1, np.uint16), 'grayscale', 'it is uint16'),
        ((4, np.uint8), 'color', 'of its 4 bands the last is left out'),
        ((4, np.uint8), 'color_ignore_orientation', 'of its 4 bands the last'),
    ],
)
def test_bits_and_bands_that_loading_leaves_out_are_one_warning(tmp_path, said, file, color_type, told):
    dataset(image(tmp_path, *file), color_type=color_type)
    assert len(said) == 1
    assert told in said[0]


@pytest.mark.parametrize(
    ('channels', 'dtype', 'kind'), [(3, np.uint8, 'color'), (1, np.uint8, 'color'), (4, np.uint16, 'unchanged')]
)
def test_images_that_are_kept_whole_are_silent(tmp_path, said, channels, dtype, kind):
    assert dataset(image(tmp_path, channels, dtype), color_type=kind).channels() == {4 if kind == 'unchanged' else 3}
    assert said == []


@pytest.mark.parametrize(
    ('loading', 'step', 'named'),
    [
        (
            (4, 'unchanged'),
            {'type': 'Normalize', 'mean': [0.0] * 3, 'std': [1.0] * 3},
            'mean of Normalize 3',
        ),
        ((4, 'unchanged'), {'type': 'Normalize', **FOUR, 'to_rgb': True}, 'to_rgb=False'),
        ((3, 'color'), {'type': 'Normalize', 'mean': [0.0], 'std': [1.0]}, '3 channel.*mean of Normalize 1'),
        ((3, 'grayscale'), {'type': 'Normalize', 'mean': [0.0] * 3, 'std': [1.0] * 3}, '1 channel'),
        ((4, 'unchanged'), {'type': 'PhotoMetricDistortion', 'rgb_bands': [4, 1, 0]}, 'names another one'),
    ],
)
@pytest.mark.parametrize('view', [False, True])
def test_steps_that_cannot_work_on_the_images_name_one_before_training(tmp_path, loading, step, named, view):
    channels, kind = loading
    views = {'type': 'MultiScaleFlipAug', 'img_scale': (4, 4), 'transforms': [step]}
    with pytest.raises(InputError, match=named) as error:
        dataset(image(tmp_path, channels), views if view else step, color_type=kind, test_mode=view)
    assert 'images/a.png' in str(error.value)


def test_floats_do_not_pass_for_whole_numbers_in_photometric_distortion(tmp_path):
    folder = image(tmp_path, 3, np.float32, '.tif')
    write(tmp_path / 'images/a.tif', np.full((4, 4, 3), -1, np.float32) * np.eye(4, dtype=np.float32)[..., None])
    made = dataset(folder, {'type': 'PhotoMetricDistortion'}, color_type='unchanged', img_suffix='.tif')
    with pytest.raises(InputError, match=r'values from -1 to -?0; .*take it out'):
        made[0]


def test_a_png_that_differs_from_the_first_is_named_before_training(tmp_path):
    image(tmp_path)
    write(tmp_path / 'images/b.png', np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(InputError, match=r'images/b\.png.* has 4 channel'):
        dataset(tmp_path, {'type': 'Normalize', 'mean': [0.0] * 3, 'std': [1.0] * 3}, color_type='unchanged')
    assert dataset(tmp_path, color_type='unchanged').channels() == {3, 4}


def test_an_image_of_another_kind_that_differs_from_the_first_is_named_when_it_is_read(tmp_path):
    image(tmp_path, suffix='.tif')
    write(tmp_path / 'images/b.tif', np.zeros((4, 4, 4), np.uint8))
    normalize = {'type': 'Normalize', 'mean': [0.0] * 3, 'std': [1.0] * 3}
    made = dataset(tmp_path, normalize, color_type='unchanged', img_suffix='.tif')
    with pytest.raises(InputError, match=r'images/b\.tif.* has 4 channel'):
        made[1]


def test_a_network_for_other_channels_is_refused(tmp_path):
    network = MODELS.build(tiny_segmentor())
    assert input_channels(network) == 3
    check_channels(network, dataset(image(tmp_path / 'three')), 'data.val')
    four = dataset(image(tmp_path / 'four', 4), {'type': 'Normalize', **FOUR}, color_type='unchanged')
    with pytest.raises(InputError, match=r'data\.val have 4 channel.*takes 3'):
        check_channels(network, four, 'data.val')
    assert input_channels(SimpleNamespace()) is None

import json
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from demo import image_demo
from mmseg.commands import predict
from mmseg.datasets.loader import build_dataset
from mmseg.datasets.pipelines.loading import LoadImageFromFile, read_image
from mmseg.datasets.pipelines.photometric import Normalize, PhotoMetricDistortion
from mmseg.datasets.training_cache import arrays_of
from mmseg.engine.train import train
from mmseg.errors import InputError
from mmseg.models.backbones.mix_transformer import MixVisionTransformer
from mmseg.models.uda.strong_augment import Jitter, StrongAugment, color_jitter, value_range
from mmseg.models.weights.input_bands import adapted
from mmseg.prediction.inputs import pixels_of
from mmseg.prediction.remarks import Remarks
from mmseg.report.gallery import build_gallery
from mmseg.report.runs import experiments_of, read_run
from tests.engine.test_train_uda import SEGMENTOR
from tests.own_data.users import image, images_of, loaded, pipelines, user_config, write_domain
from tools import test

JITTER = Jitter(1.1, 0.9, 1.3, 0.1, (0, 2, 1, 3))


def many_bands(path, bands, dtype, **profile):
    """A TIFF as GDAL writes it, whose band b is b everywhere."""
    rasterio = pytest.importorskip('rasterio')
    with rasterio.open(
        path, 'w', driver='GTiff', height=4, width=6, count=bands, dtype=dtype, crs='EPSG:32633',
        transform=rasterio.transform.from_origin(5e5, 5e6, 1, 1), **profile
    ) as file:  # fmt: skip
        file.write(np.arange(bands, dtype=dtype)[:, None, None] * np.ones((1, 4, 6), dtype))
    return path


@pytest.mark.parametrize(('bands', 'order'), [(2, [0, 1]), (3, [2, 1, 0]), (4, [2, 1, 0, 3]), (6, [0, 1, 2, 3, 4, 5])])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
def test_all_bands_of_a_geotiff_are_read_as_they_are_stored(tmp_path, bands, order, dtype):
    img = read_image(many_bands(tmp_path / 'x.tif', bands, dtype), 'unchanged')
    assert (img.dtype, img.shape) == (dtype, (4, 6, bands))
    assert img[0, 0].tolist() == order


def test_bands_are_named_by_their_number_in_the_file(tmp_path):
    load = LoadImageFromFile(color_type='unchanged', bands=[5, 0, 2])
    assert load.read(many_bands(tmp_path / 'x.tif', 6, np.uint16))[1, 1].tolist() == [5, 0, 2]
    cv2.imwrite(str(tmp_path / 'rgb.png'), np.full((2, 2, 3), (30, 20, 10), np.uint8))  # blue, green, red
    assert LoadImageFromFile(color_type='unchanged', bands=[0, 2]).read(tmp_path / 'rgb.png')[0, 0].tolist() == [10, 30]
    with pytest.raises(InputError, match=r'has 3 band\(s\), 0 to 2: bands=\[3\]'):
        LoadImageFromFile(color_type='unchanged', bands=[3]).read(tmp_path / 'rgb.png')


def test_bands_that_colour_reading_would_lose_are_refused(tmp_path):
    with pytest.raises(InputError, match=r'3 bands that are not marked as RGB.*would read the first one alone'):
        read_image(many_bands(tmp_path / 'x.tif', 3, np.uint16))


def test_values_that_are_no_numbers_are_refused(tmp_path):
    img = np.zeros((2, 2), np.float32)
    img[0, 0] = np.nan
    cv2.imwrite(str(tmp_path / 'nan.tif'), img)
    with pytest.raises(InputError, match=r'nan\.tif.*NaN'):
        read_image(tmp_path / 'nan.tif', 'unchanged')


def test_grey_images_become_three_equal_bands(tmp_path):
    cv2.imwrite(str(tmp_path / 'grey.png'), np.array([[7, 40000]], np.uint16))
    load = LoadImageFromFile(color_type='unchanged', repeat_grey=True)
    assert load.read(tmp_path / 'grey.png').tolist() == [[[7] * 3, [40000] * 3]]


@pytest.mark.parametrize(
    ('mean', 'std', 'expected'),
    [
        ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375], (0, 255)),
        ([2000.0] * 4, [1500.0] * 4, (0, 6500)),
        ([0.4], [0.1], (0, 0.7)),
        ([-10.0, 5.0], [2.0, 1.0], (-16, 8)),
        ([-700.0], [400.0], (-1900, 500)),  # Hounsfield units of computed tomography
    ],
)
def test_black_and_white_follow_from_mean_and_deviation(mean, std, expected):
    assert value_range(mean, std) == pytest.approx(expected)


def test_saturation_and_hue_are_of_the_bands_named_as_colours_alone():
    img = torch.rand(5, 4, 4, generator=torch.Generator().manual_seed(0)) * 0.8
    named = color_jitter(img, JITTER, (3, 1, 0))
    assert torch.equal(named[[3, 1, 0]], color_jitter(img[[3, 1, 0]], JITTER))
    grey = (img[[2, 4]] + 0.1).clamp(0, 1) * 0.9  # brightness, then contrast
    assert torch.allclose(named[[2, 4]], grey, atol=1e-6)
    assert torch.allclose(color_jitter(img, JITTER), (img + 0.1).clamp(0, 1) * 0.9, atol=1e-6)
    assert torch.allclose(color_jitter(img[:3], JITTER, ()), (img[:3] + 0.1).clamp(0, 1) * 0.9, atol=1e-6)


def test_colours_that_are_no_three_channels_are_refused():
    with pytest.raises(InputError, match='name red, green and blue'):
        StrongAugment(rgb=(0, 1))
    with pytest.raises(InputError, match='0 to 3'):
        StrongAugment(rgb=(0, 1, 4)).check_channels(4)


def test_deep_images_are_distorted_in_parts_of_their_white():
    img = np.array([[[1000, 2000, 3000, 4000]]], np.uint16)
    draw = (
        PhotoMetricDistortion(rgb_bands=[2, 1, 0])
        .draw({}, np.random.default_rng(0))
        ._replace(brightness=25.5, contrast=0.5, saturation=None, hue=None, contrast_first=False)
    )
    found = PhotoMetricDistortion(rgb_bands=[2, 1, 0]).apply({'img': img}, draw)['img']
    assert found.tolist() == [[[700, 1200, 1700, 2200]]]  # (value + 0.1 * 4000) / 2
    grey = PhotoMetricDistortion(rgb_bands=[2, 1, 0]).apply({'img': img}, draw._replace(contrast=None, saturation=0.0))
    assert grey['img'].tolist() == [[[3400, 3400, 3400, 4400]]]  # of no saturation all are as bright as the brightest


def test_shares_of_white_are_no_grey_levels():
    dark = np.full((2, 2, 3), 0.4, np.float32)
    with pytest.raises(InputError, match=r'works on those in 0\.\.255'):
        PhotoMetricDistortion().apply({'img': dark}, PhotoMetricDistortion().draw({}, np.random.default_rng(0)))


def test_a_first_layer_for_other_bands_keeps_the_response_to_grey():
    weight = torch.arange(6.0).view(1, 3, 1, 2)
    for bands, way in [(1, 'mean'), (5, 'mean'), (6, 'repeat')]:
        made = adapted(weight, bands, way)
        assert made.shape == (1, bands, 1, 2)
        assert torch.allclose(made.sum(1), weight.sum(1))
    assert adapted(weight, 4, 'repeat')[0, :, 0, 0].tolist() == [0, 1.5, 3, 0]


def test_weights_of_three_bands_serve_a_network_of_others_and_the_log_says_how(tmp_path, caplog):
    settings = {key: value for key, value in SEGMENTOR['backbone'].items() if key != 'type'}
    three = MixVisionTransformer(**settings)
    torch.save(three.state_dict(), tmp_path / 'three.pth')
    cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'three.pth'), 'bands': 'repeat'}
    five = MixVisionTransformer(**settings, in_chans=5, init_cfg=cfg)
    five.init_weights()
    given, found = three.patch_embed1.proj.weight, five.patch_embed1.proj.weight
    assert torch.allclose(found[:, [0, 1, 2, 3, 4]], given[:, [0, 1, 2, 0, 1]] * 3 / 5)
    with pytest.raises(InputError, match="bands of init_cfg is one of 'mean', 'repeat'"):
        MixVisionTransformer(**settings, init_cfg={**cfg, 'bands': 'sum'})


def test_the_encoder_takes_as_many_channels_as_images_are_normalised_for(tmp_path):
    cfg = loaded(user_config(tmp_path, steps=pipelines(4)), tmp_path / 'run')
    assert cfg.model.backbone.in_chans == 4
    assert 'in_chans' not in loaded(user_config(tmp_path), tmp_path / 'run').model.backbone


@pytest.mark.parametrize(('bands', 'dtype'), [(4, np.uint16), (1, np.uint16), (3, np.float32)])
def test_a_training_cache_holds_bands_and_depth(tmp_path, bands, dtype):
    write_domain(tmp_path / 'a', bands=bands, dtype=dtype, gain=50, suffix='.tif')
    steps = pipelines(bands, load={'color_type': 'unchanged'})['labelled']
    steps.insert(2, {'type': 'Resize', 'img_scale': (32, 24)})
    described = images_of(tmp_path / 'a', steps, ann_dir='lab', img_suffix='.tif')
    plain = build_dataset(described).sample(3, 0)
    for array in arrays_of(build_dataset(described)):
        array.write(1)
    cached = build_dataset(described)
    assert type(cached.pipeline.transforms[0]).__name__ == 'CachedImage'
    assert torch.equal(cached.sample(3, 0)['img'], plain['img'])


@pytest.fixture(scope='module', params=[(4, 4, {}), (1, 3, {'repeat_grey': True})], ids=['four bands', 'grey'])
def run(request, tmp_path_factory):
    """A run on 16 bits with colour jitter, evaluation and figures; and its images."""
    stored, bands, load = request.param
    root = tmp_path_factory.mktemp('bands')
    for name, gain in (('a', 80), ('b', 120)):
        write_domain(root / name, bands=stored, dtype=np.uint16, gain=gain)
    steps = pipelines(bands, load={'color_type': 'unchanged', **load}, scale=5000)
    val = images_of(root / 'b', steps['test'], ann_dir='lab')
    cfg = json.loads(user_config(root, steps=steps, evaluation={'interval': 4}).read_text())
    cfg['data'] |= {'val': val, 'test': val}
    cfg['uda']['color_jitter_probability'] = 0.0
    (root / 'own.json').write_text(json.dumps(cfg))
    return train(loaded(root / 'own.json', root / 'work' / 'run')), root / 'b' / 'img'


def test_such_images_are_trained_on_evaluated_and_drawn(run):
    work_dir, _ = run
    assert '"mIoU"' in next(work_dir.glob('*.log.json')).read_text()
    for file in sorted((work_dir / 'class_mix_debug').iterdir()):
        assert len(np.unique(cv2.imread(str(file)))) > 100


def test_such_images_are_tested_predicted_and_reported(run, tmp_path, capsys):
    work_dir, images = run
    config, checkpoint = str(next(work_dir.glob('*.json'))), str(work_dir / 'latest.pth')
    config = str(next(file for file in work_dir.glob('*.json') if not file.name.endswith('.log.json')))
    test.main([config, checkpoint, '--show-dir', str(tmp_path / 'shown'), '--id-dir', str(tmp_path / 'ids')])
    pictures = [cv2.imread(str(file)) for file in sorted((tmp_path / 'shown').iterdir())]
    assert all(picture.std() > 10 for picture in pictures)
    assert predict.main([str(images), str(work_dir), '--out', str(tmp_path / 'out'), '--save', 'ids,overlay']) == 0
    for name in ('0.png', '3.png'):
        same = [cv2.imread(str(file), -1) for file in (tmp_path / 'ids' / name, tmp_path / 'out/ids' / name)]
        assert np.array_equal(*same)
    assert image_demo.main([str(images / '0.png'), config, checkpoint, '--out', str(tmp_path / 'demo.png')]) == 0
    (experiment,) = experiments_of([read_run(work_dir)])
    (scene,) = build_gallery([experiment], count=1, predict=True).scenes
    assert [layer.title for layer in scene.layers][:2] == ['image', 'ground truth']


def test_windows_show_a_deep_image_in_one_brightness(run, tmp_path):
    work_dir, images = run
    bands = np.atleast_3d(cv2.imread(str(images / '0.png'), -1)).shape[2]
    brighter = np.repeat(np.arange(80)[:, None, None] * 700, 40, axis=1).repeat(bands, axis=2).astype(np.uint16)
    assert cv2.imwrite(str(tmp_path / 'a.png'), brighter)
    options = ['--tile', '24', '--overlap', '0', '--opacity', '0', '--out', str(tmp_path / 'out')]
    assert predict.main([str(tmp_path / 'a.png'), str(work_dir), *options]) == 0
    rows = cv2.imread(str(tmp_path / 'out/overlay/a.png')).mean(axis=(1, 2))
    assert rows[0] == 0
    assert rows[-1] >= 254
    assert (np.diff(rows) >= 0).all()


def test_images_of_another_depth_than_those_of_the_training_are_pointed_out(run, tmp_path, capsys):
    work_dir, images = run
    assert predict.main([str(images / '0.png'), str(work_dir), '--out', str(tmp_path / 'out')]) == 0
    assert 'warning' not in capsys.readouterr().err
    deep = cv2.imread(str(images / '0.png'), -1)
    assert cv2.imwrite(str(tmp_path / 'a.png'), (deep >> 8).astype(np.uint8))
    for options in ([], ['--tile', '64']):
        assert predict.main([str(tmp_path / 'a.png'), str(work_dir), '--out', str(tmp_path / 'out'), *options]) == 0
        assert 'a.png: its values (median' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('values', 'dtype', 'mean', 'std', 'told'),
    [
        ((9000, 30000), np.uint16, 60.0, 60.0, True),
        ((0, 255), np.uint8, 0.3, 0.2, True),
        ((0, 1), np.float32, 120.0, 60.0, True),
        ((0, 255), np.uint8, 120.0, 60.0, False),
        ((0, 3000), np.uint16, 2000.0, 1500.0, False),
        ((0, 1), np.float32, 0.3, 0.2, False),
        ((-1000, 400), np.int16, -700.0, 400.0, False),
        ((0, 255), np.uint8, 0.0, 1.0, False),
    ],
)
def test_values_of_another_range_are_told_and_usual_ones_are_not(values, dtype, mean, std, told):
    said: list[str] = []
    pixels = np.linspace(*values, 100).reshape(10, 10).astype(dtype)
    Remarks(said.append).values('a', pixels, Normalize(mean=[mean], std=[std], to_rgb=False))
    assert bool(said) == told


def test_a_video_that_does_not_fit_the_bands_of_a_network_is_told_by_its_name(run, tmp_path, capsys):
    work_dir, _ = run
    writer = cv2.VideoWriter(str(tmp_path / 'v.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 10, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    stored = np.atleast_3d(cv2.imread(str(run[1] / '0.png'), -1)).shape[2]
    for options in ([], ['--tile', '32']):
        code = predict.main([str(tmp_path / 'v.mp4'), str(work_dir), '--out', str(tmp_path / 'out'), *options])
        error = capsys.readouterr().err
        assert code == (1 if stored == 4 else 0)  # a network of three equal bands takes three
        assert (f"Image '{tmp_path}/v.mp4' has 3 channel(s)" in error) == (stored == 4)
        assert ('v.mp4: its values (median' in error) == (stored != 4)


def test_windows_of_a_tiled_geotiff_are_what_the_whole_file_gives(tmp_path):
    from mmseg.prediction.rasters import TiffRaster, opened

    profile = {'tiled': True, 'blockxsize': 16, 'blockysize': 16}
    path = many_bands(tmp_path / 'x.tif', 6, np.uint16, **profile)
    for load in (LoadImageFromFile(color_type='unchanged'), LoadImageFromFile(color_type='unchanged', bands=[4, 1])):
        with opened(path, load, windowed=True) as raster:
            assert isinstance(raster, TiffRaster)
            assert np.array_equal(raster.read(slice(1, 3), slice(2, 6)), load.read(path)[1:3, 2:6])


def test_drawn_images_differ_so_that_these_tests_can_fail():
    assert all(not np.array_equal(one, two) for one, two in pairwise(image(i, bands=4) for i in range(4)))


def test_arrays_are_taken_with_the_bands_of_the_network():
    grey, four = np.zeros((2, 3), np.uint16), np.zeros((2, 3, 4), np.uint8)
    unchanged, colour = LoadImageFromFile(color_type='unchanged'), LoadImageFromFile()
    assert pixels_of(grey, 'rgb', unchanged).shape == (2, 3)
    assert pixels_of(grey, 'rgb', LoadImageFromFile(color_type='unchanged', repeat_grey=True)).shape == (2, 3, 3)
    assert pixels_of(grey, 'rgb', colour).shape == (2, 3, 3)
    assert pixels_of(four, 'rgb', unchanged).shape == (2, 3, 4)
    assert pixels_of(four, 'rgb', colour).shape == (2, 3, 3)
    with pytest.raises(InputError, match='uint8, uint16, int16, float32, not int64'):
        pixels_of(grey.astype(np.int64), 'rgb', unchanged)


@pytest.mark.parametrize('color_type', ['color', 'unchanged'])
def test_a_tiff_of_four_bands_is_read_without_remarks_on_its_tags(tmp_path, capfd, color_type):
    file = tmp_path / 'x.tif'
    assert cv2.imwrite(str(file), image(0, bands=4, dtype=np.uint16))
    level = cv2.utils.logging.getLogLevel()
    assert cv2.imread(str(file), -1).shape == (48, 64, 4)
    assert 'TIFF' in capfd.readouterr().err  # else there is nothing to keep quiet
    read_image(file, color_type)
    assert capfd.readouterr().err == ''
    assert cv2.utils.logging.getLogLevel() == level

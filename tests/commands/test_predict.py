import errno
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmseg.apis import inference_segmentor, init_segmentor
from mmseg.commands import demo, predict
from mmseg.evaluation.export import overlay
from mmseg.evaluation.legible import with_contours
from mmseg.prediction import sinks
from mmseg.prediction.predictor import Predictor
from mmseg.prediction.rasters import ArrayRaster
from mmseg.prediction.tiles import Tiling
from tests.fabricated import RUN, work_dir


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Path:
    return work_dir(tmp_path_factory.mktemp('runs'))


@pytest.fixture(scope='module')
def model(run):
    return init_segmentor(run / f'{RUN}.json', run / 'latest.pth', device='cpu')


def picture(height: int, width: int) -> np.ndarray:
    blocks = np.random.default_rng(height).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3)).astype(np.uint8)
    return cv2.resize(blocks, (width, height), interpolation=cv2.INTER_CUBIC)


def image(path: Path, height: int = 48, width: int = 96) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture(height, width))
    return path


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predicted(*arguments: object) -> int:
    return predict.main([str(argument) for argument in (*arguments, '--device', 'cpu')])


def test_every_kind_is_saved_and_the_ids_are_those_of_the_network(run, model, tmp_path):
    file, out = image(tmp_path / 'street.png'), tmp_path / 'out'
    assert predicted(file, run, '--out', out, '--save', 'overlay,ids,color,confidence,probs') == 0
    ids = cv2.imread(str(out / 'ids' / 'street.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(ids, inference_segmentor(model, file)[0])
    probs = np.load(out / 'probs' / 'street.npy')
    assert probs.shape == (19, 48, 96)
    np.testing.assert_allclose(probs.sum(axis=0), 1, atol=1e-5)
    confidence = cv2.imread(str(out / 'confidence' / 'street.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(confidence / 255, probs.max(axis=0), atol=0.5 / 255 + 1e-6)
    colours = cv2.imread(str(out / 'color' / 'street.png'))[..., ::-1]
    np.testing.assert_array_equal(colours, np.array(model.PALETTE)[ids])
    shown = cv2.imread(str(out / 'overlay' / 'street.png'))[..., ::-1]
    np.testing.assert_allclose(shown, (picture(48, 96)[..., ::-1] + colours.astype(float)) / 2, atol=0.51)
    (entry,) = json.loads((out / 'predictions.json').read_text())['images']
    assert entry['class_shares'] == {
        model.CLASSES[i]: pytest.approx((ids == i).mean())
        for i in sorted(set(ids.flat), key=lambda i: -(ids == i).sum())
    }
    assert entry['mean_confidence'] == pytest.approx(probs.max(axis=0).mean(), abs=1e-5)


def test_contours_are_lines_between_classes_over_a_picture_of_the_same_size(run, model, tmp_path):
    file, out = image(tmp_path / 'street.png'), tmp_path / 'out'
    assert predicted(file, run, '--out', out, '--save', 'overlay,ids', '--contours') == 0
    ids = cv2.imread(str(out / 'ids' / 'street.png'), cv2.IMREAD_UNCHANGED)
    expected = with_contours(overlay(picture(48, 96), ids, model.PALETTE, 0.5), ids)
    np.testing.assert_array_equal(cv2.imread(str(out / 'overlay' / 'street.png')), expected)


def test_batches_of_images_of_several_sizes_give_what_single_ones_give(run, tmp_path):
    for name, size in {'a': (48, 96), 'b': (48, 96), 'deep/c': (40, 70), 'd': (48, 96), 'narrow': (300, 4)}.items():
        image(tmp_path / 'in' / f'{name}.png', *size)
    for batch in (1, 3):
        assert predicted(tmp_path / 'in', run, '--out', tmp_path / str(batch), '--save', 'ids', '--batch', batch) == 0
    files = sorted(path.relative_to(tmp_path / '1') for path in (tmp_path / '1').rglob('*.png'))
    assert [file.as_posix() for file in files] == [
        'ids/a.png',
        'ids/b.png',
        'ids/d.png',
        'ids/deep/c.png',
        'ids/narrow.png',
    ]
    for file in files:
        assert (tmp_path / '1' / file).read_bytes() == (tmp_path / '3' / file).read_bytes()


def test_a_broken_file_is_told_at_the_end_and_the_rest_is_done(run, tmp_path, capsys):
    image(tmp_path / 'in' / 'a.png')
    image(tmp_path / 'in' / 'c.png')
    (tmp_path / 'in' / 'b.png').write_bytes(b'no image')
    assert predicted(tmp_path / 'in', run, '--out', tmp_path / 'out', '--batch', 3) == 1
    assert 'b.png was left out' in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / 'out' / 'overlay').iterdir()) == ['a.png', 'c.png']
    summary = json.loads((tmp_path / 'out' / 'predictions.json').read_text())
    assert list(summary['failed']) == [str(tmp_path / 'in' / 'b.png')]
    assert len(summary['images']) == 2


def test_one_window_over_an_image_is_the_network_at_the_image_size(model):
    pixels = picture(64, 128)  # the size of the pipeline of this network
    whole = next(iter(Predictor(model, keep_probs=True).whole([pixels]))).block
    (window,) = Predictor(model, tiling=Tiling(size=128, overlap=32), keep_probs=True).blocks(ArrayRaster(pixels))
    np.testing.assert_allclose(window.probs.numpy(), whole.probs.numpy(), atol=1e-5)


def test_windows_of_a_file_are_written_as_those_of_an_array(run, model, tmp_path):
    file = image(tmp_path / 'large.png', 150, 170)
    options = ['--tile', 64, '--overlap', 16, '--batch', 4, '--scale', 0.5, '--save', 'ids,probs,overlay']
    assert predicted(file, run, '--out', tmp_path / 'out', *options) == 0
    ids = cv2.imread(str(tmp_path / 'out' / 'ids' / 'large.png'), cv2.IMREAD_UNCHANGED)
    tiling = Tiling(size=64, overlap=16, batch=4)
    for block in Predictor(model, tiling=tiling, scale=0.5).blocks(ArrayRaster(picture(150, 170))):
        np.testing.assert_array_equal(ids[block.rows, block.columns], block.label_map.numpy())
    assert np.load(tmp_path / 'out' / 'probs' / 'large.npy').argmax(axis=0).tolist() == ids.tolist()


def test_a_georeferenced_tile_keeps_its_place_and_is_predicted_as_its_pixels(run, tmp_path):
    rasterio = pytest.importorskip('rasterio')
    pixels = picture(160, 200)
    where = {'crs': 'EPSG:32633', 'transform': rasterio.transform.from_origin(4e5, 5e6, 0.5, 0.5)}
    kind = {'driver': 'GTiff', 'tiled': True, 'blockxsize': 64, 'blockysize': 64}
    with rasterio.open(tmp_path / 'a.tif', 'w', height=160, width=200, count=3, dtype='uint8', **kind, **where) as file:
        file.write(pixels[..., ::-1].transpose(2, 0, 1))
    cv2.imwrite(str(tmp_path / 'a.png'), pixels)
    options = ['--tile', 64, '--overlap', 16, '--save', 'ids,overlay,probs']
    for name in ('a.tif', 'a.png'):
        assert predicted(tmp_path / name, run, '--out', tmp_path / name[2:], *options) == 0
    with rasterio.open(tmp_path / 'tif' / 'ids' / 'a.tif') as file:
        assert (file.crs, file.transform) == (rasterio.CRS.from_epsg(32633), where['transform'])
        np.testing.assert_array_equal(
            file.read(1), cv2.imread(str(tmp_path / 'png' / 'ids' / 'a.png'), cv2.IMREAD_UNCHANGED)
        )
    with rasterio.open(tmp_path / 'tif' / 'overlay' / 'a.tif') as file:
        shown = cv2.imread(str(tmp_path / 'png' / 'overlay' / 'a.png'))[..., ::-1]
        np.testing.assert_array_equal(file.read().transpose(1, 2, 0), shown)
    with rasterio.open(tmp_path / 'tif' / 'probs' / 'a.tif') as file:
        np.testing.assert_array_equal(file.read(), np.load(tmp_path / 'png' / 'probs' / 'a.npy'))


@pytest.mark.parametrize('tiled', [{}, {'tiled': True, 'blockxsize': 64, 'blockysize': 64}], ids=['rows', 'tiles'])
@pytest.mark.parametrize('options', [[], ['--tile', 64]], ids=['whole', 'windows'])
def test_every_georeferenced_image_keeps_its_place(run, tmp_path, tiled, options):
    rasterio = pytest.importorskip('rasterio')
    where = {'crs': 'EPSG:32633', 'transform': rasterio.transform.from_origin(4e5, 5e6, 0.5, 0.5)}
    kind = {'driver': 'GTiff', 'count': 3, 'dtype': 'uint8', **tiled}
    with rasterio.open(tmp_path / 'a.tif', 'w', height=80, width=96, **kind, **where) as file:
        file.write(picture(80, 96)[..., ::-1].transpose(2, 0, 1))
    assert predicted(tmp_path / 'a.tif', run, '--out', tmp_path / 'out', '--save', 'ids,overlay', *options) == 0
    with rasterio.open(tmp_path / 'out/ids/a.tif') as file:
        assert (file.crs, file.transform) == (rasterio.CRS.from_epsg(32633), where['transform'])
        ids = file.read(1)
    cv2.imwrite(str(tmp_path / 'a.png'), picture(80, 96))
    assert predicted(tmp_path / 'a.png', run, '--out', tmp_path / 'plain', '--save', 'ids', *options) == 0
    np.testing.assert_array_equal(ids, cv2.imread(str(tmp_path / 'plain/ids/a.png'), cv2.IMREAD_UNCHANGED))


def test_a_video_becomes_a_video_and_a_map_a_frame(run, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / 'ride.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 10, (96, 64))
    for i in range(5):
        writer.write(picture(64 + 8 * i, 96)[:64])
    writer.release()
    assert predicted(tmp_path / 'ride.mp4', run, '--out', tmp_path / 'o', '--save', 'overlay,ids', '--batch', 2) == 0
    video = cv2.VideoCapture(str(tmp_path / 'o' / 'overlay' / 'ride.mp4'))
    assert [video.get(key) for key in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS)] == [5, 10]
    assert sorted(path.name for path in (tmp_path / 'o' / 'ids' / 'ride').iterdir()) == [
        f'{i:06}.png' for i in range(5)
    ]
    (about,) = json.loads((tmp_path / 'o' / 'predictions.json').read_text())['images']
    assert (about['frames'], about['width'], about['height']) == (5, 96, 64)
    (tmp_path / 'broken.mp4').write_bytes(b'no video')
    assert predicted(tmp_path / 'broken.mp4', run, '--out', tmp_path / 'o2') == 1


def test_a_video_that_is_cut_is_told_with_its_frames(run, tmp_path, capsys):
    whole = tmp_path / 'ride.avi'
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*'MJPG'), 10, (96, 64))
    for i in range(20):
        writer.write(picture(64 + 8 * i, 96)[:64])
    writer.release()
    assert predicted(whole, run, '--out', tmp_path / 'o', '--save', 'ids') == 0
    assert capsys.readouterr().err == ''
    (tmp_path / 'cut.avi').write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert predicted(tmp_path / 'cut.avi', run, '--out', tmp_path / 'o', '--save', 'ids') == 0
    (about,) = json.loads((tmp_path / 'o' / 'predictions.json').read_text())['images']
    assert about['frames'] < 20
    assert f'{about["frames"]} frames could be read of 20 that the file says' in capsys.readouterr().err


def test_an_image_that_the_pipeline_makes_tiny_is_pointed_out(run, tmp_path, capsys):
    assert predicted(image(tmp_path / 'tile.png', 600, 1000), run, '--out', tmp_path / 'out') == 0
    assert 'tile.png: the test pipeline makes this image 9.3 times smaller' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['a.png', 'RUN', '--save', 'overly'], "Did you mean 'overlay'"),
        (['a.png', 'RUN', '--overlap', '8'], 'give --tile too'),
        (['a.png', 'RUN', '--tile', '8', '--overlap', '8'], '--overlap 8'),
        (['a.png', 'RUN', '--tile', '64', '--scale', '0'], '--scale is a factor'),
        (['RUN'], 'nothing to predict'),
        (['a.png'], 'is a file: end with a WORK_DIR'),
        (['gone.png', 'RUN'], 'gone.png does not exist'),
        (['a.png', 'gone'], 'gone'),
        (['a.png', 'RUN', '--palette', 'camvid'], 'has 11 colours, the network 19'),
    ],
)
def test_mistakes_are_one_sentence(arguments, message, run, here, capsys):
    image(Path('a.png'))
    given = [str(run) if argument == 'RUN' else argument for argument in arguments]
    assert predicted(*given, '--out', 'out') == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_a_full_disk_ends_the_command_and_is_no_broken_image(run, tmp_path, monkeypatch, capsys):
    def no_room(path):
        raise OSError(errno.ENOSPC, 'No space left on device', str(path))

    monkeypatch.setattr(sinks, 'allocate', no_room)
    options = ['--tile', 64, '--save', 'probs', '--out', tmp_path / 'out']
    assert predicted(image(tmp_path / 'a.png', 80, 90), run, *options) == 2
    assert 'a.npy cannot be written: the disk is full' in capsys.readouterr().err
    assert not [path for path in (tmp_path / 'out').rglob('*') if path.is_file()]


def test_help_needs_no_torch():
    code = (
        'import sys; from mmseg.commands.predict import parse_args\n'
        'try: parse_args(["--help"])\nexcept SystemExit: pass\n'
        'sys.exit(bool({"torch", "timm", "cv2"} & set(sys.modules)))'
    )
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, check=False).returncode == 0


def test_of_many_images_that_lose_something_one_is_told_and_the_others_are_counted(run, tmp_path, capsys):
    (tmp_path / 'in').mkdir()
    for i in range(3):
        deep = picture(48, 96).astype(np.uint16) * (200 if i < 2 else 1)
        assert cv2.imwrite(str(tmp_path / f'in/{i}.{"png" if i < 2 else "tif"}'), deep)
    said = []
    for options in ([], ['--tile', 64]):
        assert predicted(tmp_path / 'in', run, '--out', tmp_path / f'out{len(options)}', *options) == 0
        said.append(capsys.readouterr().err)
    for text in said:
        assert text.count('of its 16 bits the upper 8 are read') == 1
        assert '0.png: of its 16 bits' in text
        assert 'images of more than 8 bits are read with the upper 8 of them: so with 2 more images.' in text


def test_images_in_the_folder_of_the_results_are_predicted_the_results_are_not(run, here):
    image(here / 'street.png')
    image(here / 'photos' / 'a.png')
    for _ in range(2):
        assert predicted('street.png', run, '--out', '.', '--quiet') == 0
        assert predicted('photos', run, '--out', 'photos', '--quiet') == 0
        assert [path.name for path in Path('overlay').iterdir()] == ['street.png']
        assert [path.name for path in Path('photos/overlay').iterdir()] == ['a.png']


def test_a_prediction_never_takes_the_place_of_its_image(run, here, capsys):
    before = image(here / 'out' / 'overlay' / 'a.png').read_bytes()
    assert predicted('out/overlay/a.png', run, '--out', 'out') == 2
    assert 'out/overlay/a.png cannot be written (it is a file that is read here)' in capsys.readouterr().err
    assert (here / 'out' / 'overlay' / 'a.png').read_bytes() == before
    assert predicted('out/overlay/a.png', run, '--out', 'out', '--save', 'ids', '--quiet') == 0


@pytest.mark.parametrize('options', [[], ['--tile', '32']])
def test_a_network_with_more_outputs_than_classes_predicts_and_says_no_class(options, run, here):
    """As training allows it: its checkpoint names 2 classes of the head's 19 outputs."""
    checkpoint = torch.load(run / 'latest.pth', weights_only=True)
    checkpoint['meta'] |= {'CLASSES': ('road', 'sidewalk'), 'PALETTE': [[1, 2, 3], [4, 5, 6]]}
    torch.save(checkpoint, 'few.pth')
    file, config = image(here / 'street.png'), run / f'{RUN}.json'
    kinds = ['--save', 'overlay,ids,color', *options]
    assert predicted(file, config, 'few.pth', '--out', 'out', '--quiet', *kinds) == 0
    (entry,) = json.loads(Path('out/predictions.json').read_text())['images']
    ids = cv2.imread('out/ids/street.png', cv2.IMREAD_UNCHANGED)
    assert (ids > 1).any()
    assert entry['class_shares']['no class'] == pytest.approx((ids > 1).mean())
    assert not cv2.imread('out/color/street.png')[ids > 1].any()
    assert demo.main([str(file), str(config), 'few.pth', '--device', 'cpu']) == 0
    assert Path('street_pred.png').is_file()

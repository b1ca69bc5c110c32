import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from demo import image_demo
from mmseg.apis import inference_segmentor, init_segmentor, predict, show_result
from mmseg.datasets.label_sets import CITYSCAPES19, palette_named
from tests.fabricated import PUBLISHED, RUN, work_dir

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Path:
    return work_dir(tmp_path_factory.mktemp('runs'))


@pytest.fixture
def arguments(run) -> list[str]:
    return [str(run / f'{RUN}.json'), str(run / 'latest.pth'), '--device', 'cpu']


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_image(path: Path, size: tuple[int, int] = (40, 70)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(size[0]).integers(0, 256, (*size, 3)).astype(np.uint8))
    return path


def test_the_picture_lies_beside_the_image_and_shows_what_the_network_says(arguments, tmp_path):
    image = write_image(tmp_path / 'street.jpg')
    assert image_demo.main([str(image), *arguments, '--plain']) == 0
    model = init_segmentor(*arguments[:2], device='cpu')
    expected = show_result(image, inference_segmentor(model, image)[0], model.PALETTE, 0.5)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'street_pred.png')), expected)


def test_the_picture_has_lines_between_classes_and_a_legend_of_those_that_occur_below(arguments, tmp_path):
    image = write_image(tmp_path / 'street.png', (64, 320))
    assert image_demo.main([str(image), *arguments]) == 0
    model = init_segmentor(*arguments[:2], device='cpu')
    expected = predict(model, image).picture(contours=True, legend=True)
    assert expected.shape[0] > 64
    assert expected.shape[1] == 320
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'street_pred.png'))[..., ::-1], expected)


def test_output_file_opacity_and_palette_can_be_chosen(arguments, tmp_path):
    image = write_image(tmp_path / 'street.png')
    options = ['--out', str(tmp_path / 'new' / 'a.png'), '--opacity', '1', '--palette', 'cityscapes', '--plain']
    assert image_demo.main([str(image), *arguments, *options]) == 0
    colours = np.unique(cv2.imread(str(tmp_path / 'new' / 'a.png'))[..., ::-1].reshape(-1, 3), axis=0)
    assert set(map(tuple, colours.tolist())) <= {*CITYSCAPES19.palette}


@pytest.mark.parametrize('name', ['cityscapes', 'Cityscapes', 'cityscapes19'])
def test_palettes_have_short_names(name):
    assert palette_named(name)[0] == (128, 64, 128)


def test_a_palette_with_too_few_colours_is_refused(arguments, tmp_path, capsys):
    image = write_image(tmp_path / 'street.png')
    assert image_demo.main([str(image), *arguments, '--palette', 'camvid']) == 2
    assert 'Palette camvid has 11 colours, the network 19 classes' in capsys.readouterr().err


def test_folders_are_predicted_with_their_tree_and_equal_single_images(arguments, tmp_path):
    first = write_image(tmp_path / 'in' / 'a.png')
    write_image(tmp_path / 'in' / 'deep' / 'b.JPG', (64, 64))
    (tmp_path / 'in' / 'notes.txt').write_text('no image')
    for _ in range(2):  # a second run takes no picture of the first for an image
        assert image_demo.main([str(tmp_path / 'in'), *arguments]) == 0
    pictures = sorted(path.relative_to(tmp_path / 'in') for path in (tmp_path / 'in').rglob('*_pred*'))
    assert pictures == [Path('a_pred.png'), Path('deep/b_pred.png')]
    assert image_demo.main([str(tmp_path / 'in'), *arguments, '--out', str(tmp_path / 'out')]) == 0
    assert image_demo.main([str(first), *arguments, '--out', str(tmp_path / 'single.png')]) == 0
    assert (tmp_path / 'out' / 'a_pred.png').read_bytes() == (tmp_path / 'single.png').read_bytes()
    assert (tmp_path / 'out' / 'deep' / 'b_pred.png').is_file()


@pytest.mark.parametrize(
    ('image', 'options', 'message'),
    [
        ('gone.png', [], 'gone.png'),
        ('text.png', [], 'text.png'),
        ('empty', [], 'holds no images'),
        ('good.png', ['--palette', 'cityscape'], "Did you mean 'cityscapes19'"),
        ('good.png', ['--opacity', '3'], 'opacity'),
        ('good.png', ['--out', 'x.jpg'], 'name the file x.png'),
        ('good.png', ['--out', 'good.png'], 'good.png cannot be written (it is a file that is read here)'),
        ('good.png', ['--out', 'link.png'], 'link.png cannot be written (it is a file that is read here)'),
    ],
)
def test_mistakes_are_told_before_the_network_is_loaded(image, options, message, here, capsys):
    (here / 'text.png').write_text('no image')
    (here / 'empty').mkdir()
    (here / 'link.png').symlink_to(write_image(here / 'good.png'))
    assert image_demo.main([str(here / image), 'no.json', 'no.pth', *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ')
    assert message in error


@pytest.mark.parametrize('folder', [False, True])
def test_a_folder_in_which_nothing_can_be_written_is_told_the_way_out_first(folder, tmp_path, monkeypatch, capsys):
    image = write_image(tmp_path / 'read_only' / 'a.png')

    def refuse(**_):
        raise OSError(errno.EROFS, 'Read-only file system')

    monkeypatch.setattr(tempfile, 'mkdtemp', refuse)
    assert image_demo.main([str(image.parent if folder else image), 'no.json', 'no.pth']) == 2
    told = capsys.readouterr().err
    assert told.endswith('Read-only file system). Name another place with --out.\n')
    assert 'a_pred.png' in told or folder


def test_the_demo_image_is_there():
    image = cv2.imread(str(REPOSITORY / 'demo' / 'demo.png'))
    assert image.shape == (512, 1024, 3)


def command_line(folder: Path, command: str) -> subprocess.CompletedProcess:
    """Run a user's command as it stands, in a checkout of this project."""
    for name in ('mmseg', 'tools', 'configs', 'test.sh'):
        if not (folder / name).exists():
            (folder / name).symlink_to(REPOSITORY / name)
    if not (folder / 'demo').exists():
        shutil.copytree(REPOSITORY / 'demo', folder / 'demo')
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    return subprocess.run(
        command, shell=True, cwd=folder, env={**os.environ, 'PATH': path}, capture_output=True, text=True, check=False
    )


COMMAND = f'python -m demo.image_demo demo/demo.png work_dirs/{RUN}/{RUN}.json work_dirs/{RUN}/latest.pth'


def test_the_command_of_the_readme_works_as_it_stands(tmp_path):
    work_dir(tmp_path / 'work_dirs')
    finished = command_line(tmp_path, COMMAND)
    assert finished.returncode == 0, finished.stderr
    height, width, _ = cv2.imread(str(tmp_path / 'demo' / 'demo_pred.png')).shape
    assert height > 512
    assert width == 1024


@pytest.mark.slow
def test_the_command_of_the_readme_works_with_the_full_network(tmp_path):
    work_dir(tmp_path / 'work_dirs', json.loads(PUBLISHED.read_text()))
    finished = command_line(tmp_path, COMMAND)
    assert finished.returncode == 0, finished.stderr
    height, width, _ = cv2.imread(str(tmp_path / 'demo' / 'demo_pred.png')).shape
    assert height > 512
    assert width == 1024

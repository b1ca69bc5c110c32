import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg.datasets import parallel
from mmseg.datasets.label_sets import CITYSCAPES_IDS
from mmseg.datasets.toy import ToyParams, is_written, shots, take, write_toy
from mmseg.datasets.toy.domains import CAMERA, GAME
from mmseg.datasets.toy.light import Sun, cast_shadows
from mmseg.datasets.toy.scene import sample_scene
from mmseg.datasets.toy.shapes import Part, Street, along, upright
from mmseg.datasets.toy.style import LABEL_IDS, draw_picture
from mmseg.datasets.toy.view import Camera, planes, rasterize, recover
from mmseg.errors import InputError
from tools import make_toy

FEW = ToyParams(source=3, train=2, val=2, width=128, height=64)


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    root = tmp_path_factory.mktemp('toy') / 'pair'
    list(write_toy(root, FEW))
    return root


def files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob('*')) if path.is_file()}


def test_the_files_lie_as_in_gta_and_cityscapes(pair):
    frames = [
        f'{split}/{city}/{city}_00000{i}_000019'
        for split, city in (('train', 'toytown'), ('val', 'toyham'))
        for i in range(2)
    ]
    expected = {'toy.json'} | {f'gta/{kind}/0000{i}.png' for kind in ('images', 'labels') for i in (1, 2, 3)}
    expected |= {f'cityscapes/leftImg8bit/{frame}_leftImg8bit.png' for frame in frames}
    expected |= {f'cityscapes/gtFine/{frame}_gtFine_labelIds.png' for frame in frames}
    assert set(files(pair)) == expected


def test_images_are_rgb_and_labels_hold_cityscapes_ids(pair):
    labels = sorted(pair.glob('gta/labels/*.png')) + sorted(pair.glob('cityscapes/gtFine/*/*/*.png'))
    images = sorted(pair.glob('gta/images/*.png')) + sorted(pair.glob('cityscapes/leftImg8bit/*/*/*.png'))
    assert len(images) == len(labels) == 7
    for path in images:
        with Image.open(path) as image:
            assert (image.mode, image.size) == ('RGB', (128, 64))
    for path in labels:
        with Image.open(path) as image:
            assert image.size == (128, 64)
            assert image.mode == ('P' if 'gta' in path.parts else 'L')
            assert set(np.unique(np.array(image))) <= set(CITYSCAPES_IDS) | {LABEL_IDS['ego vehicle']}


def test_pictures_are_512_by_256():
    shot = shots(Path('pair'), ToyParams())[0]
    picture = take(shot, ToyParams())
    assert picture.image.shape == (256, 512, 3)
    assert picture.label.shape == (256, 512)


def test_two_processes_draw_the_same_pictures_as_one(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, 'FEW', 2)  # so few would be drawn in one process
    assert list(write_toy(tmp_path / 'other', FEW, nproc=2)) == list(range(1, 8))
    assert files(tmp_path / 'other') == files(pair)


def test_the_palette_of_the_game_labels_is_cityscapes(pair):
    with Image.open(pair / 'gta/labels/00001.png') as label:
        colours = np.array(label.getpalette()).reshape(-1, 3)
    assert colours[7].tolist() == [128, 64, 128]  # road
    assert colours[26].tolist() == [0, 0, 142]  # car
    assert colours[1].tolist() == [0, 0, 0]


def test_every_class_is_drawn_and_the_rare_ones_are_rare():
    rng = np.random.default_rng(5)
    shown = dict.fromkeys(LABEL_IDS.values(), 0)
    pixels = np.zeros(256)
    for _ in range(60):
        street, things = sample_scene(rng)
        parts = [part for thing in things for part in thing]
        pieces = rasterize(parts, GAME.camera(rng, street, 128, 64), street.bend, (64, 128))
        label = np.array([LABEL_IDS[part.name] for part in parts])[pieces]
        pixels += np.bincount(label.ravel(), minlength=256)
        for value in np.unique(label):
            shown[value] += 1
    assert all(shown[value] for value in CITYSCAPES_IDS)
    assert min(shown[LABEL_IDS[name]] for name in ('road', 'building', 'sky')) == 60
    for name in ('train', 'bus', 'truck', 'motorcycle', 'rider', 'bicycle', 'traffic light'):
        assert pixels[LABEL_IDS[name]] < 0.05 * pixels.sum()
        assert shown[LABEL_IDS[name]] < 45


def test_equal_seeds_draw_equal_files_and_other_seeds_others(pair, tmp_path):
    for folder, seed in (('again', 0), ('other', 1)):
        list(write_toy(tmp_path / folder, replace(FEW, seed=seed)))
    first, again, other = files(pair), files(tmp_path / 'again'), files(tmp_path / 'other')
    assert first == again
    assert not set(first.values()) & set(other.values())


def test_a_picture_does_not_depend_on_how_many_are_made():
    few, many = (shots(Path('pair'), params) for params in (FEW, replace(FEW, source=8, train=5)))
    last = [next(shot for shot in chosen if 'toyham_000001' in shot.image.name) for chosen in (few, many)]
    assert np.array_equal(take(last[0], FEW).image, take(last[1], FEW).image)


def test_style_does_not_change_what_stands_in_the_street():
    """Only the look differs: with one camera for both, the label maps are equal."""
    same_view = {key: getattr(GAME, key) for key in ('eye_height', 'focal', 'horizon', 'bonnet')}
    pictures = []
    for style in (GAME, replace(CAMERA, **same_view)):
        rng = np.random.default_rng(3)
        pictures.append(draw_picture(sample_scene(rng), style, rng, width=128, height=64))
    assert np.array_equal(pictures[0].label, pictures[1].label)
    assert np.abs(pictures[0].image.astype(int) - pictures[1].image).mean() > 20


def test_a_pinhole_projects_by_similar_triangles():
    camera = Camera(aside=1.0, eye=1.5, focal=200.0, centre=(128.0, 60.0))
    pixels = camera.project(np.array([(3.0, 0.0, 10.0), (1.0, 1.5, 40.0)]), bend=0.0)
    assert pixels.tolist() == [[128 + 200 * 2 / 10, 60 + 200 * 1.5 / 10], [128, 60]]


@pytest.mark.parametrize('bend', [0.0, 9.0])
def test_places_on_a_surface_are_found_back_from_the_picture(bend):
    """Points of the ground, of a wall along the street and of one across it: projected, then recovered."""
    camera = Camera(aside=1.0, eye=1.5, focal=200.0, centre=(128.0, 60.0))
    parts = [
        Part('sky', 'sky', 'front', upright(-500, 500, -500, 500, 130)),
        Part('road', 'asphalt', 'up', along((-30, 0), (30, 0), 1.5, 110)),
        Part('building', 'plain', 'left', along((6, 0), (6, 9), 12, 30)),
        Part('car', 'car', 'front', upright(-3, -1, 0, 1.4, 8)),
    ]
    pieces = rasterize(parts, camera, bend, (128, 256))
    found = recover(pieces, planes(parts, camera), camera, bend)
    for piece, point in ((1, (2.0, 0.0, 10.0)), (2, (6.0, 3.0, 20.0)), (3, (-2.0, 1.0, 8.0))):
        column, row = (camera.project(np.array([point]), bend)[0] * 2).astype(int)
        assert pieces[row, column] == piece
        at = row * 512 + column
        assert np.allclose((found.x[at], found.y[at], found.z[at]), point, atol=0.25)


def test_a_side_is_seen_only_from_where_it_looks():
    camera = Camera(aside=1.0, eye=1.5, focal=200.0, centre=(128.0, 60.0))
    sky = Part('sky', 'sky', 'front', upright(-500, 500, -500, 500, 130))
    seen = []
    for facing in ('left', 'right'):
        side = Part('car', 'car', facing, along((3, 0), (3, 2), 6, 10))
        seen.append(bool((rasterize([sky, side], camera, 0.0, (128, 256)) == 1).any()))
    assert seen == [True, False]


def test_the_sun_keeps_off_the_ground_what_stands_in_its_way():
    """A wall to the left of the road, a sun at 45 degrees behind it: the shadow is as long as the wall is high."""
    camera = Camera(aside=0.0, eye=2.0, focal=200.0, centre=(128.0, 60.0))
    parts = [
        Part('road', 'asphalt', 'up', along((-30, 0), (30, 0), 1.5, 110)),
        Part('wall', 'stone', 'right', along((-2, 0), (-2, 3), 1.5, 60)),
    ]
    half = 0.5**0.5
    sun = Sun((-half, half, 0.0), 1.0, 0.5)
    shadow = cast_shadows(parts, camera, 0.0, sun, (128, 256)).reshape(256, 512)
    for right, dark in ((-1.5, 1.0), (0.5, 1.0), (1.5, 0.0)):
        column, row = (camera.project(np.array([(right, 0.0, 10.0)]), 0.0)[0] * 2).astype(int)
        assert shadow[row, column] == dark


def test_what_moves_on_the_road_stands_in_no_other_vehicle():
    rng = np.random.default_rng(0)
    for _ in range(20):
        _, things = sample_scene(rng)
        rooms = []
        for thing in things:
            if thing and thing[0].name in ('car', 'truck', 'bus', 'train'):
                points = np.concatenate([part.points for part in thing])
                rooms.append((points.min(0), points.max(0)))
        for i, (low, high) in enumerate(rooms):
            assert not any((low < other[1]).all() and (other[0] < high).all() for other in rooms[:i])


def test_near_things_hide_far_ones_and_labels_have_hard_edges():
    far = [Part('sky', 'sky', 'front', upright(-500, 500, -500, 500, 50))]
    near = [Part('car', 'car', 'front', upright(-500, 0, -500, 500, 5))]
    picture = draw_picture((Street(4, 2, 0, 0), [far, near]), GAME, np.random.default_rng(0), width=64, height=32)
    assert set(np.unique(picture.label)) == {LABEL_IDS['sky'], LABEL_IDS['car']}
    edge = (picture.label == LABEL_IDS['car']).sum(axis=1)
    assert len(set(edge)) == 1  # a straight upright border
    assert 0 < edge[0] < 64


def test_a_complete_pair_is_left_alone(tmp_path, capsys):
    arguments = ['--out', str(tmp_path / 'toy'), '--source', '1', '--train', '1', '--val', '1', '--width', '64']
    assert make_toy.main(arguments) == 0
    added = tmp_path / 'toy/gta/sample_class_stats.json'
    added.write_text('{}')
    assert make_toy.main(arguments) == 0
    assert 'nothing to do' in capsys.readouterr().out
    assert added.exists()


def test_pictures_of_another_width_have_half_of_it_as_height(tmp_path, capsys):
    arguments = ['--out', str(tmp_path / 'toy'), '--source', '1', '--train', '1', '--val', '1', '--width', '64']
    assert make_toy.main([*arguments, '--width', '96']) == 0
    sizes = {Image.open(path).size for path in (tmp_path / 'toy').rglob('*.png')}
    assert sizes == {(96, 48)}
    for width in ('95', '62'):
        with pytest.raises(SystemExit):
            make_toy.main([*arguments, '--width', width])
        assert f'{width} is no even number from 64 on' in capsys.readouterr().err


def test_other_parameters_replace_the_pair(tmp_path):
    root = tmp_path / 'toy'
    for params in (replace(FEW, source=2, train=1, val=1), replace(FEW, source=1, train=1, val=1)):
        list(write_toy(root, params))
        assert is_written(root, params)
        assert json.loads((root / 'toy.json').read_text())['source'] == params.source
    assert len(list(root.glob('gta/images/*.png'))) == 1


def test_an_interrupted_run_leaves_nothing_behind(tmp_path):
    writing = write_toy(tmp_path / 'toy', FEW)
    next(writing)
    writing.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_content_is_refused(tmp_path, capsys):
    (tmp_path / 'photos.txt').write_text('mine')
    with pytest.raises(InputError, match='is no toy pair'):
        next(write_toy(tmp_path, FEW))
    assert make_toy.main(['--out', str(tmp_path)]) == 2
    assert 'choose another folder' in capsys.readouterr().err
    assert (tmp_path / 'photos.txt').read_text() == 'mine'

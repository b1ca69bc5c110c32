from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg.commands import init
from mmseg.config.load import load_config
from mmseg.datasets.loader import build_dataset
from mmseg.datasets.orientation import ORIENTATION
from mmseg.engine.train import train
from mmseg.own_data.look import look_at_images


def domain(folder, gain, *, bands=3, dtype=np.uint8, mask=False):
    """Six images with rectangles of three classes (or a mask of 0 and 255), and their label maps."""
    rng = np.random.default_rng(0)
    for i in range(6):
        label = np.zeros((48, 64), np.uint8)
        label[8:40, 8 : 30 + i] = 1
        label[20:30, 40:60] = 2
        image = (label[..., None] * 60 + rng.integers(0, 40, (48, 64, bands))) * gain
        for name, array in (('img', image.astype(dtype)), ('lab', (label > 0) * np.uint8(255) if mask else label)):
            (folder / name / 'cam').mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / name / 'cam' / f'{i}.png'), array)
    return folder


def written(tmp_path, *options) -> str:
    arguments = ['--source', tmp_path / 'a/img', tmp_path / 'a/lab', '--out', tmp_path / 'out', *options]
    assert init.main([str(argument) for argument in arguments]) == 0
    (config,) = (tmp_path / 'out').glob('*.py')
    return str(config)


def test_from_folders_to_a_trained_network_in_two_commands(tmp_path, capsys):
    domain(tmp_path / 'a', 1)
    domain(tmp_path / 'b', 1.4)
    (tmp_path / 'names.csv').write_text('id,name,r,g,b\n0,ground,9,9,9\n1,house,255,0,0\n2,car,0,0,255\n')
    val = ['--val', tmp_path / 'b/img', tmp_path / 'b/lab']
    config = written(tmp_path, '--target', tmp_path / 'b/img', *val, '--classes', tmp_path / 'names.csv')
    said = capsys.readouterr().out
    assert 'source: 6 images *.png, labels *.png' in said
    assert 'classes: 3 (ground, house, car)' in said
    assert '6 images and label maps are fine' in said
    options = {'runner.max_iters': 2, 'evaluation.interval': 2, 'data.workers_per_gpu': 0, 'lr_config.warmup_iters': 1}
    cfg = load_config(config, {**options, 'work_dir': str(tmp_path / 'run')}, purpose='train')
    assert cfg.model.decode_head.num_classes == 3
    assert (train(cfg) / 'iter_2.pth').is_file()


@pytest.mark.parametrize(('bands', 'dtype', 'gain'), [(1, np.uint16, 300), (4, np.uint8, 1)])
def test_bands_and_depth_of_the_images_reach_network_and_normalisation(tmp_path, bands, dtype, gain):
    domain(tmp_path / 'a', gain, bands=bands, dtype=dtype, mask=True)
    domain(tmp_path / 'b', gain, bands=bands, dtype=dtype)
    options = {'runner.max_iters': 2, 'data.workers_per_gpu': 0, 'lr_config.warmup_iters': 1}
    config = written(tmp_path, '--target', tmp_path / 'b/img')
    cfg = load_config(config, {**options, 'work_dir': str(tmp_path / 'run')}, purpose='train')
    assert len(cfg.norm.mean) == cfg.model.backbone.get('in_chans') == bands
    seen = cv2.imread(str(tmp_path / 'a/img/cam/0.png'), cv2.IMREAD_UNCHANGED).reshape(-1, bands)
    assert cfg.norm.mean == pytest.approx(seen.mean(0), rel=0.1)
    assert {int(value): train_id for value, train_id in cfg.source.label_map.items()} == {0: 0, 255: 1}
    text = Path(config).read_text()
    assert ('color_jitter_bands=[2, 1, 0]' in text) == (bands == 4)  # they come as blue, green, red, near infrared
    assert "init_cfg=dict(type='Pretrained', checkpoint='pretrained/mit_b0.pth', bands='mean')" in text
    assert cfg.evaluation is None
    assert cfg.target_monitor.held_out == 0
    assert (train(cfg) / 'iter_2.pth').is_file()


def test_label_maps_of_the_target_are_none_of_its_images_and_files_in_twos_are_told(tmp_path, capsys):
    for name, lab in (('a', '_lab'), ('b', '_lab'), ('c', '_ids')):
        domain(tmp_path / name, 1)
        for file in (tmp_path / name / 'lab/cam').iterdir():
            file.rename(tmp_path / name / 'img/cam' / f'{file.stem}{lab}.png')
    source = ['--source', str(tmp_path / 'a/img'), str(tmp_path / 'a/img')]
    assert init.main([*source, '--target', str(tmp_path / 'b/img'), '--out', str(tmp_path / 'b.py')]) == 0
    assert '6 that end in _lab.png are left out' in capsys.readouterr().out
    cfg = load_config(str(tmp_path / 'b.py'))
    for images in (cfg.data.train.target, cfg.data.test):
        assert len(build_dataset(images, {'test_mode': True} if images is cfg.data.test else None)) == 6
    assert init.main([*source, '--target', str(tmp_path / 'c/img'), '--out', str(tmp_path / 'c.py')]) == 0
    assert 'check: half of these images end in _ids.png, each beside one in .png' in capsys.readouterr().out


def test_a_config_that_is_there_is_not_replaced_unasked(tmp_path, capsys):
    domain(tmp_path / 'a', 1)
    written(tmp_path)
    arguments = ['--source', str(tmp_path / 'a/img'), str(tmp_path / 'a/lab'), '--out', str(tmp_path / 'out')]
    assert init.main(arguments) == 2
    assert '--force' in capsys.readouterr().err
    assert init.main([*arguments, '--force']) == 0


def test_domains_of_different_kinds_are_told(tmp_path, capsys):
    domain(tmp_path / 'a', 1)
    domain(tmp_path / 'b', 1, bands=4)
    arguments = ['--source', tmp_path / 'a/img', tmp_path / 'a/lab', '--target', tmp_path / 'b/img', '--out', tmp_path]
    assert init.main([str(argument) for argument in arguments]) == 2
    assert '3 bands of uint8, 4 bands of uint8' in capsys.readouterr().err


def test_photos_in_colours_and_grey_and_with_a_transparency_that_covers_nothing_are_photos(tmp_path, capsys):
    for folder, bands in (('a', 3), ('b', 1), ('c', 4)):
        domain(tmp_path / folder, 1, bands=bands)
    for file in (tmp_path / 'c/img/cam').iterdir():
        opaque = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        opaque[..., 3] = 255
        cv2.imwrite(str(file), opaque)
    cv2.imwrite(str(tmp_path / 'a/img/cam/2.png'), np.full((48, 64), 9, np.uint8))
    val = ['--val', tmp_path / 'c/img', tmp_path / 'c/lab']
    cfg = load_config(written(tmp_path, '--target', tmp_path / 'b/img', *val), purpose='train')
    assert 'images: 64x48, 3 bands of uint8' in capsys.readouterr().out
    assert (cfg.load, len(cfg.norm.mean), cfg.norm.to_rgb) == ({'type': 'LoadImageFromFile'}, 3, True)


def test_photos_on_their_side_count_as_they_are_seen(tmp_path):
    image = Image.fromarray(np.zeros((40, 60, 3), np.uint8))
    exif = image.getexif()
    exif[ORIENTATION] = 6
    image.save(tmp_path / '0.jpg', exif=exif)
    assert look_at_images(tmp_path, ['0.jpg']).size == (40, 60)
    Image.fromarray(np.zeros((60, 40), np.uint8)).save(tmp_path / '1.jpg')
    assert look_at_images(tmp_path, ['0.jpg', '1.jpg']).sizes == {(40, 60): 2}


def test_of_several_label_files_of_an_image_one_is_chosen_by_its_end(tmp_path, capsys):
    domain(tmp_path / 'a', 1)
    for file in list((tmp_path / 'a/lab/cam').iterdir()):
        ids = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(file.with_name(f'{file.stem}_color.png')), np.dstack([ids * 100, ids, ids]))
        file.rename(file.with_name(f'{file.stem}_ids.png'))
    source = ['--source', str(tmp_path / 'a/img'), str(tmp_path / 'a/lab'), '--out', str(tmp_path / 'out'), '--force']
    assert init.main(source) == 0
    assert 'check: 6 label files end in _ids.png and are left out' in capsys.readouterr().out
    assert init.main([*source, '--label-suffix', '_ids.png']) == 0
    assert 'labels *_ids.png' in capsys.readouterr().out
    assert init.main([*source, '--label-suffix', '_map.png']) == 2
    assert 'ends so; the first is cam/0_color.png' in capsys.readouterr().err

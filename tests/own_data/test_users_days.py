"""The days of new users: two folders, four commands, predictions. Images, labels and runs are made here, small."""

import json
import re

import cv2
import numpy as np
import pytest

from mmseg.commands import check, init, predict
from mmseg.engine.train import train
from tests.own_data.users import image, label, loaded, write_domain
from tools import test_work_dir

SHORT = {
    'runner.max_iters': 20,
    'lr_config.warmup_iters': 5,
    'checkpoint_config.interval': 20,
    'data.workers_per_gpu': 0,
    'log_config.interval': 10,
}
SMALL_NETWORK = {
    'model.backbone.embed_dims': (8, 8, 8, 8),
    'model.backbone.num_heads': (1, 1, 1, 1),
    'model.backbone.depths': (1, 1, 1, 1),
    'model.decode_head.in_channels': [8, 8, 8, 8],
    'model.decode_head.channels': 8,
    'model.backbone.type': 'MixVisionTransformer',
}
COLOURS = np.array([[90, 60, 30], [255, 255, 255], [0, 0, 255]], np.uint8)


def prepared(root, *options):
    """The config that init writes for ``root/a`` -> ``root/b``."""
    arguments = ['--source', root / 'a/img', root / 'a/lab', '--target', root / 'b/img', '--out', root / 'config']
    assert init.main([str(argument) for argument in [*arguments, *options]]) == 0
    return root / 'config' / 'uda.py'


def day(root, config, **options):
    """Check, train 20 iterations, evaluate or draw, predict; the work directory."""
    assert check.main([str(config)]) == 0
    work_dir = train(loaded(config, root / 'work' / 'run', **SHORT, **SMALL_NETWORK, **options))
    assert test_work_dir.main([str(work_dir), '--device', 'cpu']) in (0, None)
    arguments = [str(root / 'b/img'), str(work_dir), '--out', str(root / 'found'), '--save', 'ids,overlay', '-q']
    assert predict.main(arguments) == 0
    return work_dir


def losses(work_dir):
    return [float(value) for value in re.findall(r'"loss": ([\d.]+)', next(work_dir.glob('*.log.json')).read_text())]


@pytest.mark.slow
def test_remote_sensing_four_bands_of_sixteen_bits_colour_labels_and_a_target_without_labels(tmp_path, capsys):
    for name, gain in (('a', 80), ('b', 120)):
        write_domain(tmp_path / name, 20, suffix='.tif', bands=4, dtype=np.uint16, gain=gain)
    for i in range(20):
        cv2.imwrite(str(tmp_path / f'a/lab/{i}.png'), COLOURS[label(i)][..., ::-1])
    rows = [f'{i},{name},{",".join(map(str, COLOURS[i]))}' for i, name in enumerate(('ground', 'house', 'car'))]
    (tmp_path / 'names.csv').write_text('\n'.join(['id,name,r,g,b', *rows]) + '\n')
    config = prepared(tmp_path, '--classes', tmp_path / 'names.csv')
    work_dir = day(tmp_path, config, **{'target_monitor.interval': 20})
    said = capsys.readouterr().out
    assert 'nothing was measured' in said
    text = next(work_dir.glob('*.log')).read_text()
    assert 'target_entropy' in text
    assert 'source_mIoU' in text
    assert len(losses(work_dir)) == 2
    assert cv2.imread(str(tmp_path / 'found/ids/3.png'), -1).shape == (48, 64)


@pytest.mark.slow
def test_a_clinic_grey_images_of_sixteen_bits_and_masks_of_255(tmp_path, capsys):
    for name, gain in (('a', 300), ('b', 400)):
        write_domain(tmp_path / name, 6, bands=1, dtype=np.uint16, gain=gain)
        for i in range(6):
            cv2.imwrite(str(tmp_path / f'{name}/lab/{i}.png'), (label(i) == 1).astype(np.uint8) * 255)
    config = prepared(tmp_path, '--val', tmp_path / 'b/img', tmp_path / 'b/lab')
    work_dir = day(tmp_path, config, **{'evaluation.interval': 20})
    said = capsys.readouterr().out
    assert re.search(r'foreground\s+\|', said)
    assert '"IoU.foreground"' in next(work_dir.glob('*.log.json')).read_text()
    assert set(np.unique(cv2.imread(str(tmp_path / 'found/ids/0.png'), -1))) <= {0, 1}


@pytest.mark.slow
def test_photos_in_nested_folders_with_spaces_and_two_suffixes(tmp_path):
    for name, gain in (('a', 1), ('b', 1.4)):
        write_domain(tmp_path / name, 6, gain=gain)
        for kind in ('img', 'lab'):
            folder = tmp_path / name / kind / 'cam 1' / 'mon'
            folder.mkdir(parents=True)
            for i in range(3):
                (tmp_path / name / kind / f'{i}.png').rename(folder / f'{i}.png')
        picture = cv2.imread(str(tmp_path / name / 'img/3.png'))
        (tmp_path / name / 'img/3.png').unlink()
        cv2.imwrite(str(tmp_path / name / 'img/3.JPG'), picture)
    config = prepared(tmp_path, '--val', tmp_path / 'b/img', tmp_path / 'b/lab')
    work_dir = day(tmp_path, config, **{'evaluation.interval': 20})
    ids = tmp_path / 'found/ids'
    assert sorted(path.relative_to(ids).as_posix() for path in ids.rglob('*.png')) == [
        '3.png', '4.png', '5.png', 'cam 1/mon/0.png', 'cam 1/mon/1.png', 'cam 1/mon/2.png'
    ]  # fmt: skip
    assert len(list((work_dir / 'preds').rglob('*.png'))) == 6


@pytest.mark.slow
def test_a_video_and_frames_of_several_formats(tmp_path):
    for name, gain in (('a', 1), ('b', 1.4)):
        write_domain(tmp_path / name, 6, gain=gain)
    for i, suffix in enumerate(['.jpg', '.JPEG', '.bmp', '.tif']):
        picture = cv2.imread(str(tmp_path / f'b/img/{i}.png'))
        (tmp_path / f'b/img/{i}.png').unlink()
        cv2.imwrite(str(tmp_path / f'b/img/{i}{suffix}'), picture)
    work_dir = day(tmp_path, prepared(tmp_path))
    assert sorted(path.name for path in (tmp_path / 'found/ids').iterdir()) == [f'{i}.png' for i in range(6)]
    writer = cv2.VideoWriter(str(tmp_path / 'ride.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 12, (64, 48))
    for i in range(7):
        writer.write(image(i % 6, gain=1.4))
    writer.release()
    save = ['--save', 'overlay,color,ids', '-q', '--batch', '3']
    assert predict.main([str(tmp_path / 'ride.avi'), str(work_dir), '--out', str(tmp_path / 'ride'), *save]) == 0
    for kind in ('overlay', 'color'):
        video = cv2.VideoCapture(str(tmp_path / f'ride/{kind}/ride.mp4'))
        facts = [cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT]
        assert [video.get(fact) for fact in facts] == [7, 12, 64, 48]
    ids = [cv2.imread(str(tmp_path / f'ride/ids/ride/{i:06}.png'), -1) for i in range(7)]
    assert {label_map.shape for label_map in ids} == {(48, 64)}
    (entry,) = json.loads((tmp_path / 'ride/predictions.json').read_text())['images']
    assert entry['frames'] == 7


def test_a_saved_run_of_own_data_names_everything_in_its_json(tmp_path):
    for name in ('a', 'b'):
        write_domain(tmp_path / name, 4)
    config = prepared(tmp_path)
    work_dir = train(loaded(config, tmp_path / 'work' / 'run', **{**SHORT, 'runner.max_iters': 2}, **SMALL_NETWORK))
    saved = next(file for file in work_dir.glob('*.json') if not file.name.endswith('.log.json'))
    assert json.loads(saved.read_text())['target_monitor'] == {'interval': 200, 'held_out': 0}

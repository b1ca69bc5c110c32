import cv2
import numpy as np
import pytest

from tests.fabricated import cityscapes, small_config, work_dir
from tools import features


def domain_config(root) -> dict:
    """The small network, with the same pictures as source and target, found by absolute folders."""
    config = small_config()
    test = config['data']['test'] | {'data_root': str(root)}
    config['data']['test'] = test
    source = {**test, 'type': 'CityscapesDataset', 'img_dir': 'leftImg8bit/val', 'ann_dir': 'gtFine/val'}
    config['data']['train']['source'] = source
    return config


@pytest.fixture
def run(tmp_path):
    """A run whose label maps have the left half of one class and the right half of another."""
    root = cityscapes(tmp_path / 'data', count=3)
    for path in root.glob('gtFine/val/*/*.png'):
        cv2.imwrite(str(path), np.repeat(np.repeat([[0, 13]], 48, 0), 48, 1).astype(np.uint8))
    return work_dir(tmp_path, domain_config(root))


def test_vectors_and_picture_are_written(run, tmp_path, capsys):
    arguments = [str(run), '--method', 'pca', '--cells', '4', '--out', str(tmp_path / 'out')]
    assert features.main(arguments) == 0
    found = np.load(tmp_path / 'out' / 'features.npz')
    assert found['features'].shape == (16, 256)  # 4 cells, 2 classes, 2 domains; channels of MiT-B0's last stage
    assert found['points'].shape == (16, 2)
    assert np.bincount(found['classes']).tolist() == [8, *[0] * 12, 8]
    assert np.bincount(found['domains']).tolist() == [8, 8]
    assert cv2.imread(str(tmp_path / 'out' / 'features.png')).size
    assert '4 cells of each of road, car in each domain' in capsys.readouterr().out


def test_a_stage_that_the_encoder_has_not_is_named(run, tmp_path, capsys):
    assert features.main([str(run), '--stage', '4', '--out', str(tmp_path)]) == 2
    assert 'stages 0 to 3' in capsys.readouterr().err


def test_a_negative_seed_is_refused(run, capsys):
    assert features.main([str(run), '--seed', '-1']) == 2
    assert '--seed is -1' in capsys.readouterr().err


def test_an_oracle_needs_the_data_of_another_run(run, tmp_path, capsys):
    config = domain_config(tmp_path / 'data')
    config['uda'] = None
    config['data']['train'] = config['data']['train']['source'] | {'img_dir': 'leftImg8bit/train'}
    oracle = work_dir(tmp_path / 'oracle', config)
    out = ['--method', 'pca', '--cells', '2', '--out', str(tmp_path / 'out')]
    assert features.main([str(oracle), *out]) == 2
    assert '--data CONFIG' in capsys.readouterr().err
    assert features.main([str(oracle), '--data', str(run / f'{run.name}.json'), *out]) == 0

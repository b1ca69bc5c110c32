"""Readers and converters on real files; needs MMSEG_REAL_DATA to name their folder."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg.datasets.loader import build_dataset
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import NORM, pipeline_of_testing, train_pipeline
from tools.convert_datasets import cityscapes

DATA = Path(os.environ.get('MMSEG_REAL_DATA', 'not-given'))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason='MMSEG_REAL_DATA names no folder of real samples')


def camvid(img_dir, ann_dir, **options):
    cfg = {'type': 'CustomDataset', 'data_root': str(DATA), 'img_dir': img_dir, 'ann_dir': ann_dir}
    return cfg | {'img_suffix': '.png', 'label_set': 'camvid11', 'pipeline': train_pipeline((160, 224))} | options


def table(name):
    lines = (DATA / 'label_maps' / name).read_text().splitlines()[1:]
    return [line.split(',') for line in lines]


@pytest.fixture
def root(tmp_path):
    """Real Cityscapes frames: labels copied (they get company), images linked."""
    shutil.copytree(DATA / 'cityscapes/gtFine', tmp_path / 'real/gtFine', copy_function=shutil.copyfile)
    for folder in (tmp_path / 'real').rglob('*/'):
        folder.chmod(0o755)
    os.symlink(DATA / 'cityscapes/leftImg8bit', tmp_path / 'real/leftImg8bit')
    os.symlink(tmp_path / 'real', tmp_path / 'cityscapes')
    return tmp_path / 'cityscapes'


def frames(root, split, **options):
    cfg = {'type': 'CityscapesDataset', 'data_root': str(root), 'img_dir': f'leftImg8bit/{split}'}
    return DATASETS.build(cfg | {'ann_dir': f'gtFine/{split}', 'pipeline': train_pipeline((512, 512))} | options)


def test_cityscapes_frames_convert_and_train(root):
    with pytest.raises(InputError, match=rf'5 of 5 images.*mmseg convert cityscapes {root} --nproc 8'):
        frames(root, 'train')
    assert cityscapes.main([f'{root}/', '--nproc', '2']) == 0
    lookup = np.full(256, 255, np.uint8)
    for label_id, train_id, _ in table('cityscapes_id_to_trainid.csv'):
        lookup[int(label_id)] = int(train_id)
    dataset = frames(root, 'train')
    assert len(dataset) == 5
    for index in range(5):
        ids = np.asarray(Image.open(str(dataset.label_path(index)).replace('TrainIds', 'Ids')))
        np.testing.assert_array_equal(dataset.label_of(index), lookup[ids])
    counts = dataset.class_counts()  # from the converter's index
    assert counts.sum() == sum(int((dataset.label_of(index) != 255).sum()) for index in range(5))
    sample = dataset.sample(0, seed=0)
    assert sample['img'].shape == (3, 512, 512)
    assert frames(root, 'val', pipeline=pipeline_of_testing((1024, 512)))[0]['img'][0].shape == (3, 512, 1024)


def test_labels_that_do_not_fit_their_images_are_named():
    cfg = {'type': 'CustomDataset', 'data_root': str(DATA / 'kitti_semantics/training'), 'img_dir': 'image_2'}
    cfg |= {'ann_dir': 'semantic', 'img_suffix': '.png', 'label_set': 'cityscapes19', 'label_map': 'cityscapes'}
    with pytest.raises(InputError, match=r'image_2/\d+_10\.png.*1224x370.*semantic/\d+_10\.png.*1242x375'):
        DATASETS.build(cfg | {'pipeline': train_pipeline()})


def test_camvid_is_read_by_its_own_label_set():
    dataset = DATASETS.build(camvid('camvid_day/images', 'camvid_day/labels'))
    assert len(dataset) == 119
    names = {row[1] for row in table('camvid11_to_cityscapes19.csv')}
    assert set(dataset.CLASSES) == names - {'unlabelled', 'pavement'} | {'sidewalk'}
    colours = [tuple(map(int, row[2:5])) for row in table('camvid11_to_cityscapes19.csv')]
    assert tuple(colours[:11]) == dataset.PALETTE
    stored = np.asarray(Image.open(dataset.label_path(0)))
    np.testing.assert_array_equal(dataset.label_of(0), np.where(stored == 11, 255, stored))


def test_day_to_dusk_gives_training_pairs(tmp_path):
    source = camvid('camvid_day/images', 'camvid_day/labels')
    target = camvid('camvid_dusk/train', None)
    sampling = {'min_pixels': 300, 'class_temp': 0.05, 'min_crop_ratio': 0.5}
    cfg = {'type': 'UDADataset', 'source': source, 'target': target, 'rare_class_sampling': sampling}
    dataset = build_dataset(cfg, {'index_dir': str(tmp_path)})
    assert dataset.sampler is not None
    assert set(dataset.sampler.train_ids) == set(range(11))
    sample = dataset.sample(0, seed=0)
    assert sample['img'].shape == sample['target_img'].shape == (3, 160, 224)
    assert sample['target_img_metas']['ori_filename'].startswith('0001TP')


def test_a_real_gta_frame_goes_through_the_loader():
    steps = [{'type': 'LoadImageFromFile'}, {'type': 'Resize', 'img_scale': (1280, 720)}]
    steps += [{'type': 'Normalize', **NORM}, {'type': 'ImageToTensor', 'keys': ['img']}]
    steps += [{'type': 'Collect', 'keys': ['img']}]
    cfg = {'type': 'GTADataset', 'data_root': str(DATA), 'img_dir': 'demo', 'img_suffix': 'source.png'}
    sample = DATASETS.build(cfg | {'pipeline': steps, 'test_mode': True})[0]
    assert sample['img'].shape == (3, 704, 1280)
    assert sample['img_metas']['ori_shape'] == (1052, 1914, 3)

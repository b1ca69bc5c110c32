import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmseg.datasets.check import full_check
from mmseg.datasets.loader import build_dataset
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import own_data, pipeline_of_testing, random_labels, train_pipeline, write, write_pairs

LAYOUTS = [
    ('GTADataset', 'images', 'labels', '.png', '_labelTrainIds.png', '00001'),
    ('SynthiaDataset', 'RGB', 'GT/LABELS', '.png', '_labelTrainIds.png', '0000000'),
    ('CityscapesDataset', 'leftImg8bit/train', 'gtFine/train', '_leftImg8bit.png', '_gtFine_labelTrainIds.png', 'a/a'),
    ('ACDCDataset', 'rgb_anon/train', 'gt/train', '_rgb_anon.png', '_gt_labelTrainIds.png', 'GOPR0475_frame_000041'),
    ('DarkZurichDataset', 'rgb_anon/val', 'gt/val', '_rgb_anon.png', '_gt_labelTrainIds.png', 'night/GP010376/1'),
]  # fmt: skip


@pytest.mark.parametrize('layout', LAYOUTS, ids=lambda layout: layout[0])
def test_each_data_set_reads_its_own_layout(tmp_path, layout):
    kind, img_dir, ann_dir, img_suffix, seg_suffix, name = layout
    label = np.array([[0, 18], [255, 5]], np.uint8)
    write(tmp_path / img_dir / f'{name}{img_suffix}', np.zeros((2, 2, 3), np.uint8))
    write(tmp_path / ann_dir / f'{name}{seg_suffix}', label)
    cfg = {'type': kind, 'data_root': str(tmp_path), 'img_dir': img_dir, 'ann_dir': ann_dir, 'pipeline': []}
    dataset = DATASETS.build(cfg)
    assert dataset.img_infos[0]['filename'] == f'{name}{img_suffix}'
    assert dataset.label_of(0).tolist() == label.tolist()
    assert len(dataset.CLASSES) == len(dataset.PALETTE) == 19
    assert dataset.split_name == img_dir.rsplit('/', 1)[-1]


def test_a_training_sample_has_the_shapes_and_types_networks_take(tmp_path):
    dataset = DATASETS.build(own_data(write_pairs(tmp_path, random_labels(4))))
    sample = dataset.sample(0, seed=3)
    assert sample['img'].shape == (3, 16, 16)
    assert sample['img'].dtype == torch.float32
    assert sample['gt_semantic_seg'].shape == (1, 16, 16)
    assert sample['gt_semantic_seg'].dtype == torch.int64
    assert sample['img_metas']['ori_shape'] == (24, 32, 3)


def test_the_label_goes_through_the_geometry_of_its_image(tmp_path):
    label = np.random.default_rng(0).integers(0, 200, (24, 32), dtype=np.uint8)
    write(tmp_path / 'images/a.png', np.repeat(label[..., None], 3, axis=2))
    write(tmp_path / 'labels/a.png', label)
    steps = [step for step in train_pipeline() if step['type'] not in ('PhotoMetricDistortion', 'Normalize')]
    # A resized image is interpolated and a resized label is not: compare without resizing.
    steps[2] = {'type': 'RandomRotate', 'prob': 0.0, 'degree': 10}
    dataset = DATASETS.build(own_data(tmp_path, classes=200, pipeline=steps))
    for i in range(20):
        sample = dataset.sample(i, seed=0)
        np.testing.assert_array_equal(sample['img'][0], sample['gt_semantic_seg'][0])


def test_samples_are_a_function_of_seed_and_number(tmp_path):
    dataset = DATASETS.build(own_data(write_pairs(tmp_path, random_labels(5))))
    first, again = dataset.sample(12, seed=1), dataset.sample(12, seed=1)
    torch.testing.assert_close(first['img'], again['img'], rtol=0, atol=0)
    assert not torch.equal(first['img'], dataset.sample(12, seed=2)['img'])
    copy = pickle.loads(pickle.dumps(dataset))
    torch.testing.assert_close(first['img'], copy.sample(12, seed=1)['img'], rtol=0, atol=0)


def test_every_image_comes_once_an_epoch_in_a_new_order(tmp_path):
    dataset = DATASETS.build(own_data(write_pairs(tmp_path, random_labels(6))))
    names = [dataset.sample(i, seed=0)['img_metas']['ori_filename'] for i in range(18)]
    epochs = [names[start : start + 6] for start in (0, 6, 12)]
    assert all(sorted(epoch) == sorted(set(names)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_test_mode_reads_images_in_order_and_no_labels(tmp_path, monkeypatch):
    write_pairs(tmp_path, random_labels(3))
    dataset = DATASETS.build(own_data(tmp_path, pipeline=pipeline_of_testing(), test_mode=True))
    monkeypatch.setattr(Image, 'open', lambda path: pytest.fail(f'opened {path}'))
    sample = dataset[1]
    assert [img.shape for img in sample['img']] == [(3, 24, 32)]
    assert sample['img_metas'][0]['ori_filename'] == '001.png'


def test_files_are_sorted_and_nested_folders_and_links_are_followed(tmp_path):
    real = write_pairs(tmp_path / 'real', {'b/1': np.zeros((4, 4), np.uint8), 'a/1': np.ones((4, 4), np.uint8)})
    os.symlink(real, tmp_path / 'link')
    os.symlink(real / 'images', real / 'images' / 'circle')
    dataset = DATASETS.build(own_data(f'{tmp_path}/link/', pipeline=[]))
    assert [info['filename'] for info in dataset.img_infos] == ['a/1.png', 'b/1.png']
    assert dataset.label_of(0).max() == 1


def test_images_and_labels_in_one_folder_are_told_apart_by_suffix(tmp_path):
    write(tmp_path / 'all/x.png', np.zeros((4, 4, 3), np.uint8))
    write(tmp_path / 'all/x_label.png', np.zeros((4, 4), np.uint8))
    cfg = own_data(tmp_path, img_dir='all', ann_dir='all', seg_map_suffix='_label.png', pipeline=[])
    assert [info['filename'] for info in DATASETS.build(cfg).img_infos] == ['x.png']


def test_lists_of_folders_and_splits_are_put_one_behind_the_other(tmp_path):
    for part in ('one', 'two'):
        write_pairs(tmp_path / part, {f'{part}{i}': np.zeros((4, 4), np.uint8) for i in range(3)})
    (tmp_path / 'list.txt').write_text('two2\ntwo0.png\n')
    folders = {'img_dir': ['one/images', 'two/images'], 'ann_dir': ['one/labels', 'two/labels'], 'pipeline': []}
    assert len(DATASETS.build(own_data(tmp_path, **folders))) == 6
    some = own_data(tmp_path, img_dir='two/images', ann_dir='two/labels', split='list.txt', pipeline=[])
    dataset = DATASETS.build(some)
    assert [info['filename'] for info in dataset.img_infos] == ['two2.png', 'two0.png']
    assert dataset.split_name == 'list'
    with pytest.raises(InputError, match=r'img_dir: 2, ann_dir: 3'):
        DATASETS.build(own_data(tmp_path, **{**folders, 'ann_dir': ['a', 'b', 'c']}))


def test_concatenated_and_repeated_data_sets_are_data_sets(tmp_path):
    for part, count in (('one', 2), ('two', 3)):
        write_pairs(tmp_path / part, random_labels(count, seed=count))
    parts = [own_data(tmp_path / part, pipeline=train_pipeline()) for part in ('one', 'two')]
    both = build_dataset(parts)
    assert len(both) == 5
    np.testing.assert_array_equal(both.label_of(4), random_labels(3, seed=3)['002'])
    assert both.class_counts().sum() == 5 * 24 * 32
    repeated = DATASETS.build({'type': 'RepeatDataset', 'times': 3, 'dataset': parts[1]})
    assert len(repeated) == 9
    np.testing.assert_array_equal(repeated.label_of(7), random_labels(3, seed=3)['001'])
    names = [repeated.sample(i, seed=0)['img_metas']['ori_filename'] for i in range(9)]
    assert sorted(names) == sorted(['000.png', '001.png', '002.png'] * 3)
    with pytest.raises(InputError, match='need the same classes'):
        build_dataset([parts[0], {**parts[1], 'classes': ['x', 'y', 'z']}])


@pytest.mark.parametrize('count', [2, 5, 40])
def test_own_data_need_nothing_but_class_names(tmp_path, count):
    write_pairs(tmp_path, random_labels(3, classes=count))
    dataset = DATASETS.build(own_data(tmp_path, classes=count))
    assert dataset.sample(0, seed=0)['gt_semantic_seg'].max() < 256
    assert len(set(dataset.PALETTE)) == count


def test_class_names_come_from_a_file_too(tmp_path):
    write_pairs(tmp_path, random_labels(1, classes=2))
    (tmp_path / 'classes.txt').write_text('field\nforest\n')
    cfg = {**own_data(tmp_path), 'classes': str(tmp_path / 'classes.txt'), 'palette': [[1, 2, 3], [4, 5, 6]]}
    dataset = DATASETS.build(cfg)
    assert dataset.CLASSES == ('field', 'forest')
    assert dataset.PALETTE == ((1, 2, 3), (4, 5, 6))


def test_lists_of_names_may_begin_with_a_byte_order_mark_and_have_to_be_text(tmp_path):
    write_pairs(tmp_path, random_labels(2, classes=2))
    names, split = tmp_path / 'classes.txt', tmp_path / 'split.txt'
    names.write_bytes(b'\xef\xbb\xbffield\r\nforest\r\n')
    split.write_bytes(b'\xef\xbb\xbf001\r\n')
    cfg = {**own_data(tmp_path), 'classes': str(names), 'split': str(split)}
    dataset = DATASETS.build(cfg)
    assert (dataset.CLASSES, len(dataset)) == (('field', 'forest'), 1)
    for file in (names, split):
        file.write_bytes('field\n'.encode('utf-16'))
        with pytest.raises(InputError, match=rf'{file.name}.* is no text in UTF-8'):
            DATASETS.build(cfg)
        file.write_bytes(b'field\nforest\n')


def test_some_classes_of_labels_that_begin_with_one_are_read_where_they_are(tmp_path):
    write_pairs(tmp_path, {'a': np.array([[0, 1, 2, 3, 255]], np.uint8)})
    data = own_data(tmp_path) | {'label_set': {'classes': ['sky', 'field', 'forest']}, 'classes': ['forest', 'field']}
    read = DATASETS.build(data | {'reduce_zero_label': True}).label_of(0)
    assert read.tolist() == [[255, 255, 1, 0, 255]]  # 1 is sky, 2 field, 3 forest
    with pytest.raises(InputError, match='label_map and reduce_zero_label=True both say'):
        DATASETS.build(own_data(tmp_path) | {'label_map': {1: 0, 2: 1, 3: 2}, 'reduce_zero_label': True})


def test_some_classes_of_a_known_set_leave_the_rest_ignored(tmp_path):
    write_pairs(tmp_path, {'a': np.array([[0, 13, 18, 255]], np.uint8)}, '_labelTrainIds.png')
    cfg = {'type': 'GTADataset', 'data_root': str(tmp_path), 'img_dir': 'images', 'ann_dir': 'labels', 'pipeline': []}
    dataset = DATASETS.build({**cfg, 'classes': ['car', 'road']})
    assert dataset.label_of(0).tolist() == [[1, 0, 255, 255]]
    assert dataset.PALETTE == ((0, 0, 142), (128, 64, 128))


def gta(root, **options):
    return {
        'type': 'GTADataset',
        'data_root': str(root),
        'img_dir': 'images',
        'ann_dir': 'labels',
        'pipeline': [],
    } | options


def test_where_the_toy_pair_is_missing_the_command_that_draws_it_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r'Draw the toy pair first, in this folder: mmseg toy$'):
        DATASETS.build(gta(Path('data/toy/gta')))


def test_missing_folders_and_labels_are_named_with_the_remedy(tmp_path):
    command = 'mmseg convert gta'
    with pytest.raises(InputError, match=rf"Image folder '{tmp_path}/images' does not exist.*{command} {tmp_path}"):
        DATASETS.build(gta(tmp_path))
    (tmp_path / 'images').mkdir()
    with pytest.raises(InputError, match=r"images' holds no file that ends in '\.png'"):
        DATASETS.build(gta(tmp_path))
    write_pairs(tmp_path, random_labels(3), '_labelTrainIds.png')
    (tmp_path / 'labels/001_labelTrainIds.png').unlink()
    said = rf'1 of 3 images.*images/001\.png.*labels/001_labelTrainIds\.png.*{command}'
    with pytest.raises(InputError, match=said):
        DATASETS.build(gta(tmp_path))
    with pytest.raises(InputError, match=r"Label folder '.*nowhere' does not exist"):
        DATASETS.build(gta(tmp_path, ann_dir='nowhere'))
    with pytest.raises(InputError, match=r"Split file '.*list\.txt'.*does not exist"):
        DATASETS.build(gta(tmp_path, split='list.txt'))


def test_a_split_that_names_what_is_not_there_is_refused(tmp_path):
    write_pairs(tmp_path, random_labels(1), '_labelTrainIds.png')
    (tmp_path / 'list.txt').write_text('000\n999\n')
    with pytest.raises(InputError, match=r"names '999\.png'"):
        DATASETS.build(gta(tmp_path, split='list.txt'))


def test_own_data_without_classes_are_asked_for_them(tmp_path):
    write_pairs(tmp_path, random_labels(1))
    with pytest.raises(InputError, match='CustomDataset needs classes'):
        DATASETS.build({**own_data(tmp_path), 'classes': None})


@pytest.mark.parametrize('key', ['data_root', 'cache_dir'])
def test_a_folder_that_is_no_text_is_refused(tmp_path, key):
    write_pairs(tmp_path, random_labels(1))
    with pytest.raises(InputError, match=f'{key}=3 does not fit: it takes a text or a path'):
        DATASETS.build({**own_data(tmp_path), key: 3})


def test_a_pair_of_different_sizes_is_found_at_once_and_when_it_is_read(tmp_path, monkeypatch):
    write_pairs(tmp_path, random_labels(2))
    write(tmp_path / 'images/001.png', np.zeros((20, 30, 3), np.uint8))
    said = r'images/001\.png.*30x20.*labels/001\.png.*32x24'
    with pytest.raises(InputError, match=said):
        DATASETS.build(own_data(tmp_path))
    monkeypatch.setattr('mmseg.datasets.custom.quick_check', lambda dataset: None)
    dataset = DATASETS.build(own_data(tmp_path))
    with pytest.raises(InputError, match=said):
        dataset[1]


def test_values_that_are_no_class_stop_before_training(tmp_path):
    write_pairs(tmp_path, {'a': np.full((4, 4), 7, np.uint8)})
    with pytest.raises(InputError, match=r'labels/a\.png.*values 7'):
        DATASETS.build(own_data(tmp_path))


def test_every_problem_is_in_one_report(tmp_path, monkeypatch):
    write_pairs(tmp_path, random_labels(30))
    monkeypatch.setattr('mmseg.datasets.custom.quick_check', lambda dataset: None)
    dataset = DATASETS.build(own_data(tmp_path))
    broken = tmp_path / 'images/007.png'
    broken.write_bytes(broken.read_bytes()[:200])
    write(tmp_path / 'images/013.png', np.zeros((4, 4, 3), np.uint8))
    write(tmp_path / 'labels/021.png', np.full((24, 32), 99, np.uint8))
    with pytest.raises(InputError) as error:
        full_check(dataset)
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert all(any(name in line for line in lines) for name in ('007.png', '013.png', '021.png'))


def test_an_unreadable_image_is_named(tmp_path):
    write_pairs(tmp_path, random_labels(1))
    dataset = DATASETS.build(own_data(tmp_path))
    (tmp_path / 'images/000.png').write_text('not an image')
    with pytest.raises(InputError, match=r'images/000\.png.*cannot be decoded'):
        dataset[0]
    (tmp_path / 'images/000.png').unlink()
    with pytest.raises(InputError, match=r'images/000\.png.*cannot be read'):
        dataset[0]


def test_training_on_labels_that_do_not_exist_is_refused(tmp_path):
    write_pairs(tmp_path, random_labels(1))
    with pytest.raises(InputError, match='no ann_dir'):
        DATASETS.build(own_data(tmp_path, ann_dir=None))[0]


def test_the_image_is_decoded_once_however_often_its_crop_is_drawn(tmp_path, monkeypatch):
    write_pairs(tmp_path, random_labels(1))
    dataset = DATASETS.build(own_data(tmp_path))
    decoded, refused = [], []
    original = cv2.imdecode
    monkeypatch.setattr(cv2, 'imdecode', lambda *args: decoded.append(1) or original(*args))

    def accept(label):
        refused.append(label)
        return len(refused) == 4

    sample = dataset.draw(0, np.random.default_rng(0), accept)
    assert (len(decoded), len(refused)) == (1, 4)
    np.testing.assert_array_equal(sample['gt_semantic_seg'][0], refused[-1])
    refused.clear()
    dataset.draw(0, np.random.default_rng(0), lambda label: bool(refused.append(label)))
    assert len(refused) == 11  # one draw and ten more


@pytest.mark.parametrize(('step', 'key'), [('Pad', 'seg_pad_val'), ('RandomRotate', 'seg_pad_val')])
def test_borders_that_would_be_read_as_another_label_are_refused(tmp_path, step, key):
    write_pairs(tmp_path, random_labels(2))
    border = {'type': step, 'size': (40, 40)} if step == 'Pad' else {'type': step, 'prob': 0.5, 'degree': 10.0}
    border['seg_pad_val'] = 255
    loading = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}]
    with pytest.raises(InputError, match=f'{step} in the pipeline has {key}=255, but the data set ignore_index=250'):
        DATASETS.build(own_data(tmp_path, ignore_index=250, pipeline=[*loading, border]))


def test_an_image_is_described_when_it_is_asked_for_and_held_by_its_name(tmp_path):
    write_pairs(tmp_path, random_labels(3))
    infos = DATASETS.build(own_data(tmp_path, pipeline=[])).img_infos
    described = {'filename': '001.png', 'img_dir': f'{tmp_path}/images'}
    assert infos[1] == {**described, 'ann': {'seg_map': '001.png', 'ann_dir': f'{tmp_path}/labels'}}
    assert infos[-2] == infos[1] is not infos[1]
    assert [info['filename'] for info in infos] == ['000.png', '001.png', '002.png']
    assert DATASETS.build(own_data(tmp_path, pipeline=[], ann_dir=None)).img_infos[1] == described
    for outside in (3, -4):
        with pytest.raises(IndexError):
            infos[outside]
    held = pickle.dumps(infos)
    assert held.count(b'img_dir') + held.count(b'seg_map') <= 2


def test_missing_label_maps_are_counted_and_the_first_is_named(tmp_path):
    write_pairs(tmp_path, random_labels(5))
    for name in ('003.png', '001.png'):
        (tmp_path / 'labels' / name).unlink()
    with pytest.raises(InputError, match=r"2 of 5 images.*/001\.png', expected label map '.*/labels/001\.png'"):
        DATASETS.build(own_data(tmp_path, pipeline=[]))

import copy

import numpy as np
import pytest
import torch

from mmseg.datasets.batch import to_network
from mmseg.datasets.loader import build_dataset, build_test_loader, collate
from mmseg.datasets.pipelines.compact import compacted
from mmseg.datasets.pipelines.compose import Compose
from tests.datasets.samples import own_data, pipeline_of_testing, random_labels, train_pipeline, write_pairs

SAMPLING = {'min_pixels': 50, 'class_temp': 0.1, 'min_crop_ratio': 0.5}
PASTE = {'classes': ['class 1', 'class 2'], 'num_classes': 2, 'min_pixels': 50, 'min_crop_ratio': 0.5}


def pairs(tmp_path, crop=(16, 16), **options):
    for part in ('source', 'target'):
        write_pairs(tmp_path / part, random_labels(4), seed=len(part))
    source, target = (own_data(tmp_path / part, pipeline=train_pipeline(crop)) for part in ('source', 'target'))
    options = {'rare_class_sampling': SAMPLING, **options}
    return build_dataset({'type': 'UDADataset', 'source': source, 'target': target, **options})


# Crops of 90 are larger than every image: the border is the mean colour, which no uint8 is.
@pytest.mark.parametrize('crop', [(16, 16), (90, 90)])
@pytest.mark.parametrize('options', [{}, {'second_source': True, 'long_tail_paste': PASTE}])
def test_compact_batches_become_the_plain_ones_bit_for_bit(tmp_path, crop, options):
    plain = pairs(tmp_path, crop, **options)
    small = plain.compacted()
    for i in range(6):
        expected = collate([plain.sample(2 * i, 1), plain.sample(2 * i + 1, 1)])
        batch = collate([small.sample(2 * i, 1), small.sample(2 * i + 1, 1)])
        tensors = {key: value for key, value in expected.items() if isinstance(value, torch.Tensor)}
        assert {batch[key].dtype for key in tensors} == {torch.uint8}
        found = to_network(batch)
        for key, value in tensors.items():
            assert found[key].dtype == value.dtype
            if key == 'paste_img':  # only what its label shows is ever pasted
                shown = expected['paste_label'] != 255
                assert torch.equal(found[key] * shown, value * shown)
            else:
                assert torch.equal(found[key], value), key
        assert np.array_equal(
            found['img_metas'][0]['img_norm_cfg']['mean'], expected['img_metas'][0]['img_norm_cfg']['mean']
        )


def test_the_plain_data_set_stays_as_it_is(tmp_path):
    plain = pairs(tmp_path)
    plain.compacted()
    assert plain.sample(0, 0)['img'].dtype == torch.float32


@pytest.mark.parametrize('to_rgb', [True, False])
def test_every_value_of_every_channel_is_normalised_alike(to_rgb):
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    img = np.stack([values, values[::-1], values.T], 2)
    norm = {'mean': [101.7, 3.25, 250.125], 'std': [3.7, 57.12, 0.311], 'to_rgb': to_rgb}
    steps = [{'type': 'Normalize', **norm}, {'type': 'DefaultFormatBundle'}]
    keys = {'keys': ['img'], 'meta_keys': ['img_norm_cfg']}
    pipeline = Compose([*steps, {'type': 'Collect', **keys}])
    results, rng = {'img': img, 'seg_fields': []}, np.random.default_rng(0)
    expected = collate([pipeline(dict(results), rng)])
    batch = collate([compacted(pipeline)(dict(results), rng)])
    assert batch['img'].dtype == torch.uint8
    assert torch.equal(to_network(batch)['img'], expected['img'])


def test_a_sample_of_the_final_recipe_is_below_two_megabytes(tmp_path):
    sample = pairs(tmp_path, crop=(512, 512)).compacted().sample(0, 0)
    sizes = [value.numel() * value.element_size() for value in sample.values() if isinstance(value, torch.Tensor)]
    assert sum(sizes) == 512 * 512 * 7 <= 2e6


UNUSUAL = {
    'a border before': ('insert', 6, {'type': 'Pad', 'size': (16, 16)}),
    'another border': ('replace', 7, {'type': 'Pad', 'size': (16, 16), 'pad_val': 3}),
    'turned after': ('insert', 7, {'type': 'RandomRotate', 'prob': 1.0, 'degree': 20}),
    'float images': ('replace', 0, {'type': 'LoadImageFromFile', 'to_float32': True}),
}


@pytest.mark.parametrize('change', UNUSUAL.values(), ids=UNUSUAL)
def test_pipelines_that_need_floats_keep_them(tmp_path, change):
    kind, place, step = change
    write_pairs(tmp_path, random_labels(2))
    pipeline = train_pipeline()
    pipeline[place : place + (kind == 'replace')] = [step]
    pipeline = [
        step for step in pipeline if step['type'] != 'PhotoMetricDistortion' or 'to_float32' not in str(pipeline)
    ]
    plain = build_dataset(own_data(tmp_path, pipeline=pipeline))
    found = to_network(collate([plain.compacted().sample(0, 0)]))
    assert torch.equal(found['img'], plain.sample(0, 0)['img'][None])


def test_test_images_are_normalised_on_the_device_too(tmp_path):
    write_pairs(tmp_path, random_labels(3))
    plain = build_dataset(own_data(tmp_path, pipeline=pipeline_of_testing()), {'test_mode': True})
    for index, batch in enumerate(build_test_loader(plain, workers_per_gpu=0)):
        (images,), (metas,) = batch['img'], batch['img_metas']
        assert images.dtype == torch.uint8
        assert torch.equal(to_network({'img': images, 'img_metas': metas})['img'][0], plain[index]['img'][0])
        np.testing.assert_array_equal(batch['label'][0], plain.label_of(index))


def test_batches_of_test_images_are_stacked_where_they_can(tmp_path):
    labels = random_labels(3) | {'003': random_labels(1, size=(20, 32))['000']}
    write_pairs(tmp_path, labels)
    dataset = build_dataset(own_data(tmp_path, pipeline=pipeline_of_testing()), {'test_mode': True})
    first, second = build_test_loader(dataset, workers_per_gpu=0, samples_per_gpu=2)
    assert first['img'][0].shape == (2, 3, 24, 32)
    assert [tuple(image.shape) for image in second['img'][0]] == [(1, 3, 24, 32), (1, 3, 20, 32)]
    assert len(second['label']) == 2


def test_what_is_not_uint8_is_left_alone():
    batch = {'img': torch.randn(1, 3, 4, 4), 'img_metas': [{}], 'gt_semantic_seg': torch.zeros(1, 1, 4, 4).long()}
    found = to_network(copy.copy(batch))
    assert all(found[key] is batch[key] for key in batch)

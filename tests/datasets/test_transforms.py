"""Transforms against the reference: the same draws from a generator of its kind, the same pixels."""

import json

import cv2
import numpy as np
import pytest
import torch

from mmseg.datasets.pipelines.compose import Compose
from mmseg.datasets.pipelines.geometry import Box, Flip, fitted
from mmseg.datasets.pipelines.test_time_aug import refuse_steps_of_training
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS
from tests.datasets.samples import NORM, LegacyRandom, results
from tests.parity import golden

REFERENCE = golden('data_transforms')
ARRAYS = REFERENCE.arrays
IMG, LABEL = ARRAYS['in.img_bgr'], ARRAYS['in.label']
CROPS = [cfg for cfg in REFERENCE.config['others'] if cfg.get('type') == 'RandomCrop']
TRAIN = next(cfg['train_pipeline'] for cfg in REFERENCE.config['others'] if 'train_pipeline' in cfg)
TEST = next(cfg['test_pipeline'] for cfg in REFERENCE.config['others'] if 'test_pipeline' in cfg)


def close(made, stored):
    """Equal with the reference's OpenCV, one grey level apart with another."""
    assert made.shape == stored.shape
    assert np.abs(made.astype(int) - stored.astype(int)).max() <= 1


@pytest.mark.parametrize('case', range(len(REFERENCE.config['resize'])))
def test_resize_draws_and_gives_what_the_reference_did(case):
    resize = TRANSFORMS.build(REFERENCE.config['resize'][case])
    made = resize(results(IMG, LABEL), LegacyRandom(20 + case))
    assert made['scale'] == tuple(ARRAYS[f'resize{case}.scale'])
    close(made['img'], ARRAYS[f'resize{case}.img'])
    np.testing.assert_array_equal(made['gt_semantic_seg'], ARRAYS[f'resize{case}.label'])
    np.testing.assert_array_equal(made['scale_factor'], ARRAYS[f'resize{case}.scale_factor'])


def test_keeping_the_ratio_rounds_as_the_reference_does():
    table = ARRAYS['keep_ratio_size_table.H_W_scale0_scale1_newH_newW']
    for height, width, long, short, new_height, new_width in table.tolist():
        assert fitted((width, height), (long, short)) == (new_width, new_height)


@pytest.mark.parametrize('case', range(len(CROPS)))
def test_crop_draws_the_boxes_of_the_reference(case):
    cfg = dict(CROPS[case])
    seed, label = cfg.pop('np_random_seed'), ARRAYS[cfg.pop('label')]
    crop = TRANSFORMS.build(cfg)
    rng = LegacyRandom(seed)
    box = crop.draw(results(IMG, label), rng)
    assert box == tuple(ARRAYS[f'crop{case}.bbox_y1_y2_x1_x2'])
    assert rng.calls == 2 * len(ARRAYS[f'crop{case}.all_drawn_bboxes'])
    made = crop.apply(results(IMG, label), box)
    np.testing.assert_array_equal(made['img'], ARRAYS[f'crop{case}.img'])
    np.testing.assert_array_equal(made['gt_semantic_seg'], ARRAYS[f'crop{case}.label'])


def test_crop_without_a_label_draws_one_box():
    crop = TRANSFORMS.build({'type': 'RandomCrop', 'crop_size': (24, 24), 'cat_max_ratio': 0.75})
    rng = LegacyRandom(0)
    crop.draw({'img': IMG, 'seg_fields': []}, rng)
    assert rng.calls == 2


def test_ignored_pixels_do_not_count_as_a_class_of_the_crop():
    crop = TRANSFORMS.build({'type': 'RandomCrop', 'crop_size': (8, 8), 'cat_max_ratio': 0.75})
    label = np.full((8, 8), 255, np.uint8)
    label[:2] = 3
    rng = LegacyRandom(0)
    crop.draw(results(np.zeros((8, 8, 3), np.uint8), label), rng)
    assert rng.calls == 2 * 11  # one class only: every redraw is used up
    label[2] = 4
    rng = LegacyRandom(0)
    crop.draw(results(np.zeros((8, 8, 3), np.uint8), label), rng)
    assert rng.calls == 2  # 16 of 24 labelled pixels


@pytest.mark.parametrize('direction', ['horizontal', 'vertical'])
def test_flip_mirrors_image_and_label(direction):
    made = TRANSFORMS.build({'type': 'RandomFlip'}).apply(results(IMG, LABEL), Flip(True, direction))
    np.testing.assert_array_equal(made['img'], ARRAYS[f'flip_{direction}.img'])
    np.testing.assert_array_equal(made['gt_semantic_seg'], ARRAYS[f'flip_{direction}.label'])


@pytest.mark.parametrize('argument', ['prob', 'flip_ratio'])
def test_flip_decides_as_the_reference(argument):
    flip, rng = TRANSFORMS.build({'type': 'RandomFlip', argument: 0.5}), LegacyRandom(0)
    decisions = [flip.draw(results(IMG, LABEL), rng).flip for _ in range(20)]
    assert decisions == ARRAYS['flip_decisions.np_seed0'].tolist()


@pytest.mark.parametrize('seed', range(6))
def test_photometric_distortion_draws_and_distorts_as_the_reference(seed):
    distort = TRANSFORMS.build({'type': 'PhotoMetricDistortion'})
    close(distort(results(IMG), LegacyRandom(seed))['img'], ARRAYS[f'photometric.np_seed{seed}'])


def test_photometric_distortion_leaves_its_input_alone():
    before = IMG.copy()
    for seed in range(8):
        TRANSFORMS.build({'type': 'PhotoMetricDistortion'})(results(IMG), np.random.default_rng(seed))
    np.testing.assert_array_equal(IMG, before)


def test_normalize_is_the_references():
    rgb = TRANSFORMS.build({'type': 'Normalize', **NORM}).apply(results(IMG), None)
    np.testing.assert_allclose(rgb['img'], ARRAYS['normalize_rgb.img'], atol=1e-5)
    np.testing.assert_array_equal(rgb['img_norm_cfg']['mean'], ARRAYS['normalize_rgb.img_norm_cfg.mean'])
    bgr = TRANSFORMS.build({'type': 'Normalize', **NORM, 'to_rgb': False}).apply(results(IMG), None)
    np.testing.assert_allclose(bgr['img'][::4, ::4], ARRAYS['normalize_bgr.img'], atol=1e-5)


def test_pad_borders_right_and_bottom():
    by_size = TRANSFORMS.build({'type': 'Pad', 'size': (64, 80), 'pad_val': 0, 'seg_pad_val': 255})
    by_divisor = TRANSFORMS.build({'type': 'Pad', 'size_divisor': 32, 'pad_val': 0, 'seg_pad_val': 255})
    for name, pad in (('pad', by_size), ('pad_div32', by_divisor)):
        made = pad.apply(results(IMG, LABEL), None)
        np.testing.assert_array_equal(made['img'], ARRAYS[f'{name}.img'])
        np.testing.assert_array_equal(made['gt_semantic_seg'], ARRAYS[f'{name}.label'])
        assert made['pad_shape'] == made['img'].shape
    normal = TRANSFORMS.build({'type': 'Normalize', **NORM}).apply(results(IMG, LABEL), None)
    padded = by_size.apply(normal, None)
    np.testing.assert_allclose(padded['img'][::3, ::3], ARRAYS['normalize_pad.img'], atol=1e-5)
    np.testing.assert_array_equal(padded['gt_semantic_seg'], ARRAYS['normalize_pad.label'])


def test_rotation_by_a_right_angle_is_exact():
    label = np.arange(25, dtype=np.uint8).reshape(5, 5)
    img = np.repeat(label[..., None], 3, axis=2)
    rotate = TRANSFORMS.build({'type': 'RandomRotate', 'prob': 1.0, 'degree': 90})
    made = rotate.apply(results(img, label), 90.0)
    np.testing.assert_array_equal(made['gt_semantic_seg'], np.rot90(label, k=-1))  # clockwise
    np.testing.assert_array_equal(made['img'][..., 0], np.rot90(label, k=-1))


def test_rotation_fills_the_corners_and_grows_if_asked_to():
    img, label = np.full((20, 40, 3), 200, np.uint8), np.full((20, 40), 7, np.uint8)
    options = {'type': 'RandomRotate', 'prob': 1.0, 'degree': (30, 60), 'pad_val': 9, 'seg_pad_val': 255}
    made = TRANSFORMS.build(options).apply(results(img, label), 45.0)
    assert made['gt_semantic_seg'][0, 0] == 255
    assert made['img'][0, 0].tolist() == [9, 9, 9]
    grown = TRANSFORMS.build({**options, 'auto_bound': True}).apply(results(img, label), 90.0)
    assert grown['img'].shape == (40, 20, 3)
    assert (grown['gt_semantic_seg'] == 7).mean() > 0.95
    drawn = [TRANSFORMS.build(options).draw({}, np.random.default_rng(seed)) for seed in range(20)]
    assert all(30 <= angle <= 60 for angle in drawn)


@pytest.mark.parametrize('seed', [0, 1])
def test_the_training_pipeline_is_the_references(tmp_path, seed):
    cv2.imwrite(str(tmp_path / 'a.png'), IMG)
    cv2.imwrite(str(tmp_path / 'a_label.png'), LABEL)
    files = {'img_info': {'filename': 'a.png'}, 'ann_info': {'seg_map': 'a_label.png'}, 'seg_fields': []}
    files |= {'img_prefix': str(tmp_path), 'seg_prefix': str(tmp_path)}
    sample = Compose(TRAIN)(files, LegacyRandom(seed))
    np.testing.assert_allclose(sample['img'], ARRAYS[f'train_pipeline.np_seed{seed}.img'], atol=0.02)
    np.testing.assert_array_equal(sample['gt_semantic_seg'], ARRAYS[f'train_pipeline.np_seed{seed}.label'])
    assert sample['gt_semantic_seg'].dtype == torch.int64
    if seed == 0:
        for key, value in json.loads(str(ARRAYS['train_pipeline.meta'])).items():
            made = sample['img_metas'][key]
            assert (list(made) if isinstance(value, list) else made) == value, key


def test_the_test_pipeline_is_the_references(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), IMG)
    files = {'img_info': {'filename': 'a.png'}, 'img_prefix': str(tmp_path), 'seg_fields': []}
    sample = Compose(TEST)(files, np.random.default_rng(0))
    assert [list(img.shape) for img in sample['img']] == ARRAYS['test_pipeline.shapes'].tolist()
    assert [meta['flip'] for meta in sample['img_metas']] == ARRAYS['test_pipeline.flips'].tolist()
    for view, img in enumerate(sample['img']):
        np.testing.assert_allclose(img[:, ::3, ::3], ARRAYS[f'test_pipeline.img{view}'], atol=0.02)


def test_several_views_at_the_own_size_of_each_image():
    view = {'type': 'MultiScaleFlipAug', 'img_scale': None, 'img_ratios': [0.5, 1.0, 1.5], 'flip': True}
    view['flip_direction'] = ['horizontal', 'vertical']
    view['transforms'] = [*TEST[1]['transforms']]
    sample = Compose([{'type': 'LoadImageFromFile'}, view])({'img': IMG}, np.random.default_rng(0))
    assert [tuple(img.shape) for img in sample['img'][::3]] == [(3, 24, 32), (3, 48, 64), (3, 72, 96)]
    assert [meta['flip_direction'] for meta in sample['img_metas'][:3]] == ['horizontal', 'horizontal', 'vertical']
    torch.testing.assert_close(sample['img'][4].flip(2), sample['img'][3])
    torch.testing.assert_close(sample['img'][5].flip(1), sample['img'][3])


def test_a_box_beyond_the_image_takes_what_is_there():
    assert Box(4, 12, 0, 3).cut(np.zeros((10, 10))).shape == (6, 3)


@pytest.mark.parametrize(
    ('cfg', 'part'),
    [
        ({'type': 'Resize', 'img_scale': (8, 8), 'multiscale_mode': 'rnge'}, 'multiscale_mode'),
        ({'type': 'Resize', 'img_scale': [(8, 8), (9, 9)], 'ratio_range': (1, 2)}, 'ratio_range'),
        ({'type': 'Resize', 'img_scale': (8, 8, 8)}, 'img_scale'),
        ({'type': 'RandomCrop', 'crop_size': (0, 4)}, 'crop_size'),
        ({'type': 'RandomFlip', 'prob': 2}, 'prob'),
        ({'type': 'RandomFlip', 'direction': 'diagonal'}, 'direction'),
        ({'type': 'RandomFlip', 'probability': 0.5}, "Did you mean 'prob'"),
        ({'type': 'Pad'}, 'size_divisor'),
        ({'type': 'RandomRotate', 'prob': 0.5, 'degree': (3, 1)}, 'degree'),
        ({'type': 'MultiScaleFlipAug', 'transforms': []}, 'img_ratios'),
        ({'type': 'LoadImageFromFile', 'color_type': 'rgb'}, 'color_type'),
    ],
)
def test_a_setting_that_cannot_be_is_named(cfg, part):
    with pytest.raises(InputError, match=part.replace('?', r'\?')):
        TRANSFORMS.build(cfg)


def test_collect_names_what_no_step_gives():
    with pytest.raises(InputError, match=r"gives 'gt_semantic_sgg'\. Did you mean 'gt_semantic_seg'"):
        Compose([{'type': 'Collect', 'keys': ['gt_semantic_sgg']}])(results(IMG, LABEL), np.random.default_rng(0))


@pytest.mark.parametrize('steps', [['Pad', 'Resize'], ['Resize', 'Pad', 'RandomFlip']])
def test_a_border_is_made_behind_what_would_move_it_in_testing(steps):
    made = {'Pad': {'type': 'Pad', 'size': (8, 8)}, 'Resize': {'type': 'Resize'}, 'RandomFlip': {'type': 'RandomFlip'}}
    with pytest.raises(InputError, match='Pad has to stand behind Resize and RandomFlip'):
        TRANSFORMS.build({'type': 'MultiScaleFlipAug', 'img_scale': (8, 8), 'transforms': [made[s] for s in steps]})
    views = {'type': 'MultiScaleFlipAug', 'img_scale': (8, 8), 'transforms': [made['Resize'], made['Pad']]}
    img = np.zeros((4, 4, 3), np.uint8)
    outside = {'img': img, 'img_shape': (2, 4, 3), 'pad_shape': (4, 4, 3)}
    with pytest.raises(InputError, match='a Pad in front of it'):
        TRANSFORMS.build(views)(outside, np.random.default_rng(0))


@pytest.mark.parametrize(('size', 'aligned'), [((10, 20), (32, 32)), ((32, 64), (32, 64)), ((33, 50), (64, 64))])
def test_an_aligned_resize_ends_at_multiples(size, aligned):
    step = TRANSFORMS.build({'type': 'AlignedResize', 'keep_ratio': True, 'size_divisor': 32})
    made = step({**results(np.zeros((*size, 3), np.uint8)), 'scale': size[::-1]}, np.random.default_rng(0))
    assert made['img'].shape == (*aligned, 3)
    assert made['img_shape'] == made['pad_shape'] == (*aligned, 3)


@pytest.mark.parametrize(
    ('step', 'told'),
    [
        ({'type': 'PhotoMetricDistortion', 'contrast_range': (1.5, 0.5)}, r'contrast_range is \(least, most\)'),
        ({'type': 'RandomRotate', 'prob': 1, 'degree': (0, float('inf'))}, 'degree=.* that is finite'),
        ({'type': 'RandomRotate', 'prob': 1, 'degree': (1, 2, 3)}, 'degree=.* 2 values'),
        ({'type': 'AlignedResize', 'img_scale': (8, 8), 'size_divisor': 0}, 'size_divisor=0 .* at least 1'),
        ({'type': 'MultiScaleFlipAug', 'img_scale': (0, 8), 'transforms': []}, 'whole numbers of at least 1'),
        ({'type': 'MultiScaleFlipAug', 'img_scale': (8, 8), 'img_ratios': [-1], 'transforms': []}, 'above 0'),
        (
            {'type': 'MultiScaleFlipAug', 'img_scale': (8, 8), 'img_ratios': [], 'transforms': []},
            'img_ratios is needed',
        ),
        (
            {'type': 'MultiScaleFlipAug', 'img_scale': (8, 8), 'flip_direction': 'diagonal', 'transforms': []},
            "not 'diagonal'",
        ),
    ],
)
def test_settings_that_leave_nothing_or_nonsense_are_refused(step, told):
    with pytest.raises(InputError, match=told):
        TRANSFORMS.build(step)


def test_a_hue_that_may_move_by_nothing_stays():
    step = TRANSFORMS.build({'type': 'PhotoMetricDistortion', 'hue_delta': 0})
    assert {step.draw({}, np.random.default_rng(seed)).hue for seed in range(8)} == {None}


@pytest.mark.parametrize(
    ('outside', 'inside', 'refused'),
    [
        ([], [], None),
        ([], [{'type': 'RandomCrop', 'crop_size': (4, 4)}], 'RandomCrop in a pipeline of testing'),
        ([{'type': 'RandomRotate', 'prob': 1, 'degree': 9}], [], 'RandomRotate in'),
        ([{'type': 'RandomFlip', 'prob': 0.5}], [], 'RandomFlip in'),
        ([{'type': 'RandomFlip'}], [{'type': 'RandomFlip', 'prob': 0.5}], None),  # the views decide and undo it
    ],
)
def test_steps_that_move_pixels_for_good_are_none_of_testing(outside, inside, refused):
    views = {'type': 'MultiScaleFlipAug', 'img_scale': (8, 8), 'transforms': inside}
    pipeline = Compose([*outside, views])
    if refused is None:
        refuse_steps_of_training(pipeline)
        return
    with pytest.raises(InputError, match=refused):
        refuse_steps_of_training(pipeline)

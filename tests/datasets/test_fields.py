"""A sample's fields beside image and label: declared once, moved with the image, handed on."""

import copy

import numpy as np
import pytest
import torch

from mmseg.datasets import custom
from mmseg.datasets.batch import to_network
from mmseg.datasets.loader import build_dataset, build_train_loader
from mmseg.datasets.pipelines.fields import LABEL, VALID_PSEUDO, Field, Kind, declare, field_of, with_field
from mmseg.datasets.pipelines.transform import Part, Transform, size_of
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS
from tests.datasets.samples import own_data, random_labels, results, train_pipeline, write_pairs

HEAT = declare(Field('heat', Kind.WEIGHT, fill=0.25))


@TRANSFORMS.register_module(force=True)
class Margins(Transform):
    """Pixels within two of the border are not valid."""

    part = Part.BOTH
    adds = (VALID_PSEUDO.name,)

    def apply(self, results, params):
        height, width = size_of(results)
        valid = np.zeros((height, width), np.uint8)
        valid[2:-2, 2:-2] = 1
        return with_field(results, VALID_PSEUDO, valid)


def build(kind, **options):
    return TRANSFORMS.build({'type': kind, **options})


def sample(size=(6, 8)):
    rng = np.random.default_rng(0)
    made = results(rng.integers(0, 256, (*size, 3), dtype=np.uint8), rng.integers(0, 3, size, dtype=np.uint8))
    made = with_field(made, VALID_PSEUDO, np.ones(size, np.uint8))
    return with_field(made, HEAT, rng.random(size, dtype=np.float32))


def test_a_border_has_the_fill_value_of_each_field():
    made = build('Pad', size=(8, 8), seg_pad_val=255).apply(sample(), None)
    assert set(made['gt_semantic_seg'][6:].ravel()) == {255}
    assert set(made['valid_pseudo_mask'][6:].ravel()) == {0}
    assert set(made['heat'][6:].ravel()) == {0.25}
    assert made['valid_pseudo_mask'][:6].all()


def test_turned_corners_have_the_fill_value_of_each_field():
    made = build('RandomRotate', prob=1.0, degree=45.0).apply(sample((9, 9)), 45.0)
    corner = {name: made[name][0, 0] for name in ('gt_semantic_seg', 'valid_pseudo_mask', 'heat')}
    assert corner == {'gt_semantic_seg': 255, 'valid_pseudo_mask': 0, 'heat': 0.25}


def test_weights_are_averaged_when_resized_and_labels_and_masks_are_not():
    made = sample((1, 2)) | {'heat': np.float32([[0, 1]]), 'valid_pseudo_mask': np.uint8([[0, 1]])}
    made = build('Resize', img_scale=(4, 1), keep_ratio=False).apply(made, (4, 1))
    np.testing.assert_allclose(made['heat'], [[0, 0.25, 0.75, 1]])
    assert made['valid_pseudo_mask'].tolist() == [[0, 0, 1, 1]]


def test_a_crop_with_cat_max_ratio_of_an_image_with_a_mask_and_no_label_draws_one_box():
    unlabelled = with_field({'img': np.zeros((20, 20, 3), np.uint8)}, VALID_PSEUDO, np.ones((20, 20), np.uint8))
    crop = build('RandomCrop', crop_size=(8, 8), cat_max_ratio=0.75)
    made = crop(unlabelled, np.random.default_rng(0))
    assert made['img'].shape[:2] == made['valid_pseudo_mask'].shape == (8, 8)


def test_the_network_gets_each_kind_in_its_type():
    made = build('DefaultFormatBundle').apply(sample(), None)
    types = {name: made[name].dtype for name in ('img', 'gt_semantic_seg', 'valid_pseudo_mask', 'heat')}
    assert types == {
        'img': torch.float32,
        'gt_semantic_seg': torch.int64,
        'valid_pseudo_mask': torch.bool,
        'heat': torch.float32,
    }
    assert made['heat'].shape == (1, 6, 8)


def test_a_name_means_one_field_also_behind_a_prefix():
    assert field_of('target_valid_pseudo_mask') is VALID_PSEUDO
    assert field_of('template_gt_semantic_seg') is LABEL
    assert field_of('paste_label').kind is Kind.LABEL
    with pytest.raises(InputError, match="'heat' is declared twice"):
        declare(Field('heat', Kind.MASK))
    assert declare(Field('heat', Kind.WEIGHT, fill=0.25)) == HEAT


@pytest.fixture
def pair(tmp_path):
    for part in ('source', 'target'):
        write_pairs(tmp_path / part, random_labels(4, size=(40, 40)), seed=len(part))
    steps = train_pipeline((24, 24))
    steps.insert(2, {'type': 'Margins'})
    steps[-1]['keys'] = [*steps[-1]['keys'], 'valid_pseudo_mask']
    source, target = (own_data(tmp_path / part, pipeline=copy.deepcopy(steps)) for part in ('source', 'target'))
    return {'type': 'UDADataset', 'source': source, 'target': target}


def test_all_that_the_target_s_pipeline_collects_is_handed_on(pair):
    dataset = build_dataset(pair)
    plain = [dataset.sample(i, 0) for i in (0, 1)]
    assert set(plain[0]) == {
        'img', 'img_metas', 'gt_semantic_seg', 'valid_pseudo_mask',
        'target_img', 'target_img_metas', 'target_valid_pseudo_mask',
    }  # fmt: skip
    loader = build_train_loader(dataset, samples_per_gpu=2, workers_per_gpu=0, seed=0)
    compact = next(iter(loader))
    assert compact['target_valid_pseudo_mask'].dtype == torch.uint8
    made = to_network(compact)
    for key in ('valid_pseudo_mask', 'target_valid_pseudo_mask', 'gt_semantic_seg'):
        assert made[key].dtype == plain[0][key].dtype
        assert torch.equal(made[key], torch.stack([one[key] for one in plain]))


def test_a_field_that_nobody_collects_or_adds_is_named_when_the_data_set_is_built(pair, monkeypatch):
    said = []
    monkeypatch.setattr(custom, 'print_log', lambda text, *_, **__: said.append(text))
    left_out = copy.deepcopy(pair)
    left_out['target']['pipeline'][-1]['keys'] = ['img']
    build_dataset(left_out)
    assert said == ["CustomDataset: a step of the pipeline adds 'valid_pseudo_mask', but Collect does not take it."]
    del pair['target']['pipeline'][2]
    with pytest.raises(InputError, match="takes 'valid_pseudo_mask', which no step of it adds"):
        build_dataset(pair)

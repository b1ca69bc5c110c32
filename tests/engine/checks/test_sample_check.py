"""Pipelines that pass every check of their settings, and give what no network takes."""

import pytest
from torch import Tensor

from mmseg.datasets.uda_dataset import UDADataset
from mmseg.engine.checks import sample_check
from mmseg.engine.checks.sample_check import check_test_sample, check_training_sample
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import NORM, own_data, pipeline_of_testing, random_labels, write_pairs

LOADING = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}]
FORMAT = [{'type': 'DefaultFormatBundle'}]
BOTH = [{'type': 'Collect', 'keys': ['img', 'gt_semantic_seg']}]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp('pairs'), random_labels(2, size=(8, 12)))


def tried(folder, pipeline):
    check_training_sample(DATASETS.build(own_data(folder, pipeline=pipeline)), seed=0, target=False)


def test_a_usable_pipeline_passes(folder):
    tried(folder, [*LOADING, *FORMAT, *BOTH])


@pytest.mark.parametrize(
    ('pipeline', 'told'),
    [
        ([], 'gives no image'),
        ([*LOADING[1:], *FORMAT, *BOTH], "no step of the pipeline gives 'img'"),
        ([*LOADING, *BOTH], r'image as ndarray of uint8 \(8, 12, 3\), .* DefaultFormatBundle'),
        ([*LOADING, *FORMAT, *FORMAT, *BOTH], 'fails at the first sample: TypeError'),
        ([*LOADING, *FORMAT, {'type': 'Collect', 'keys': ['img']}], 'gives no labels'),
        ([*LOADING, *FORMAT, {'type': 'Collect', 'keys': ['gt_semantic_seg']}], 'gives no image'),
        ([*LOADING, {'type': 'Resize', 'img_scale': (9, 6), 'ratio_range': (1e6, 1e6)}, *FORMAT, *BOTH], 'fails at'),
        (pipeline_of_testing(), 'as pipelines of testing do'),
    ],
)
def test_what_gives_no_sample_that_a_network_takes_is_named_before_training(folder, pipeline, told):
    with pytest.raises(InputError, match=told):
        tried(folder, pipeline)


def test_the_target_is_tried_too(folder):
    source = own_data(folder, pipeline=[*LOADING, *FORMAT, *BOTH])
    target = own_data(folder, pipeline=[LOADING[0], {'type': 'Collect', 'keys': ['img']}])
    with pytest.raises(InputError, match=r'data\.train\.target: its pipeline gives the image as ndarray'):
        check_training_sample(UDADataset(source=source, target=target), seed=0, target=True)


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        (lambda views: views[:3] + views[4:], 'image as ndarray'),
        (lambda views: views[:4], 'gives a|Collect'),
        (lambda views: [*views[:4], {'type': 'Collect', 'keys': ['img'], 'meta_keys': []}], "leaves 'filename' out"),
        (lambda views: [], 'fails at|gives'),
    ],
)
def test_pipelines_of_testing_are_tried_too(folder, change, told):
    pipeline = pipeline_of_testing()
    check_test_sample(DATASETS.build(own_data(folder, pipeline=pipeline, test_mode=True)), 'data.val')
    pipeline[1]['transforms'] = change(pipeline[1]['transforms'])
    with pytest.raises(InputError, match=f'data.val.*({told})'):
        check_test_sample(DATASETS.build(own_data(folder, pipeline=pipeline, test_mode=True)), 'data.val')


def test_data_sets_of_another_kind_are_only_tried():
    class Foreign:
        def sample(self, i: int, seed: int) -> dict[str, Tensor]:
            return {}

    check_training_sample(Foreign(), seed=0, target=True)


def test_a_file_that_cannot_be_read_says_so_itself(tmp_path):
    write_pairs(tmp_path, random_labels(1))
    made = DATASETS.build(own_data(tmp_path, pipeline=[*LOADING, {'type': 'Normalize', **NORM}, *FORMAT, *BOTH]))
    (tmp_path / 'images/000.png').write_bytes(b'')
    with pytest.raises(InputError, match=r"^Image '.*000\.png' cannot be decoded"):
        check_training_sample(made, seed=0, target=False)


def test_images_of_the_target_that_are_normalised_otherwise_are_one_warning(folder, monkeypatch):
    told = []
    monkeypatch.setattr(sample_check, 'print_log', lambda text, *_, **__: told.append(text))
    own = [*LOADING, {'type': 'Normalize', **NORM}, *FORMAT, *BOTH]
    other = [LOADING[0], {'type': 'Normalize', **NORM, 'to_rgb': False}, *FORMAT, {'type': 'Collect', 'keys': ['img']}]
    for pipeline in (own, other):
        pair = UDADataset(source=own_data(folder, pipeline=own), target=own_data(folder, pipeline=pipeline))
        norm = check_training_sample(pair, seed=0, target=True)
    assert norm['to_rgb'] is True
    assert len(told) == 1
    assert 'data.train.target normalises images with' in told[0]

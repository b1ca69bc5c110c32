import copy
import json

import pytest
from mmengine.config import Config

from mmseg.config.components import check_components, told_with_place
from mmseg.errors import InputError

PIPELINE = [{'type': 'LoadImageFromFile'}, {'type': 'Resize', 'img_scale': (64, 32)}]
GOOD = {
    'model': {
        'type': 'EncoderDecoder',
        'pretrained': 'nowhere/mit_b0.pth',
        'backbone': {'type': 'mit_b0'},
        'decode_head': {
            'type': 'SegFormerHead',
            'in_channels': [32, 64, 160, 256],
            'in_index': [0, 1, 2, 3],
            'channels': 32,
            'num_classes': 5,
            'decoder_params': {'embed_dim': 16, 'conv_kernel_size': 1},
            'loss_decode': {'type': 'CrossEntropyLoss'},
        },
    },
    'uda': {'type': 'DACS', 'alpha': 0.9},
    'data': {
        'train': {
            'type': 'UDADataset',
            'source': {'type': 'GTADataset', 'img_dir': 'nowhere', 'pipeline': PIPELINE},
            'target': {'type': 'CityscapesDataset', 'img_dir': 'nowhere', 'pipeline': PIPELINE},
        },
        'test': {'type': 'CityscapesDataset', 'img_dir': 'nowhere', 'pipeline': PIPELINE},
    },
}


def changed(dotted: str, value: object) -> Config:
    values = json.loads(json.dumps(GOOD))  # no two places share a dict
    *parents, last = dotted.split('.')
    part = values
    for parent in parents:
        part = part[int(parent) if isinstance(part, list) else parent]
    part[last] = value
    return Config(values)


def test_a_good_config_passes_without_weights_or_data():
    check_components(Config(copy.deepcopy(GOOD)))


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        ('model.backbone.type', 'mit_b9', "model.backbone: 'mit_b9' is not a known network. Did you mean 'mit_b"),
        (
            'model.backbone.type',
            'dinov2_vits14',
            "backbone=.*type='TimmBackbone', model_name='vit_small_patch14_dinov2",
        ),
        ('data.train.type', 'GTADataset', r"'source', as the data set of adaptation .*data\.train=dict\(_delete_=True"),
        ('model.backbone.drop_path', 0.1, "model: .*no argument 'drop_path'"),
        ('uda.alfa', 0.9, "uda: DACS has no argument 'alfa'. Did you mean 'alpha'"),
        ('data.train.source.type', 'GTADatasets', r"data\.train\.source: 'GTADatasets'.*Did you mean 'GTADataset'"),
        ('data.train.target.image_dir', 'x', r"data\.train\.target: .*'image_dir'. Did you mean 'img_dir'"),
        ('data.train.source.pipeline.1.img_scales', 1, r"data\.train\.source\.pipeline\.1: .*Did you mean 'img_scale'"),
        (
            'data.train.target',
            [{'type': 'CityscapesDataset', 'image_dir': 'x'}],
            r"data\.train\.target\.0: .*'image_dir'",
        ),
        ('data.train', GOOD['data']['test'], 'data.train gives no target images'),
        ('data.train', [GOOD['data']['test']], 'data.train gives no target images'),
        ('data.test.pipeline.0.type', 'LoadImage', r"data\.test\.pipeline\.0: .*Did you mean 'LoadImageFromFile'"),
    ],
)
def test_an_unknown_name_is_reported_with_its_place_and_the_nearest_known(place, value, message):
    with pytest.raises(InputError, match=message):
        check_components(changed(place, value))


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        (
            'model.decode_head.num_classes',
            -3,
            r'num_classes=-3 does not fit: it takes a whole number of',
        ),
        ('model.decode_head.decoder_params', [], 'model: SegFormerHead: decoder_params='),
        ('model.test_cfg', 5, 'model: EncoderDecoder: test_cfg=5 does not fit: it takes a dict or None'),
        ('model.backbone', 5, 'model: '),
        ('data.train.source.pipeline', 5, r'data\.train\.source: GTADataset: pipeline=5'),
        ('data.train.source.pipeline', [5], r'data\.train\.source: GTADataset: pipeline=\[5\]'),
        ('data.train.source.img_dir', 5, r'data\.train\.source: GTADataset: img_dir=5'),
        ('data.train.source', 5, r'data\.train: UDADataset: source=5'),
        ('data.test.type', [], r'data\.test: \[\] is not a known data set'),
        ('data.test', [5], r'data\.test\.0 has to be the dict of a data set'),
        ('data.test.pipeline.1.img_scale', [0, 5], r'data\.test\.pipeline\.1: Resize: img_scale='),
    ],
)
def test_a_value_that_a_part_does_not_take_is_told_with_its_place(place, value, message):
    with pytest.raises(InputError, match=message):
        check_components(changed(place, value))


@pytest.mark.parametrize('key', ['source', 'target'])
def test_an_empty_list_of_data_sets_is_named(key):
    with pytest.raises(InputError, match=rf'data\.train\.{key} is an empty list: name at least one data set'):
        check_components(changed(f'data.train.{key}', []))
    wrapped = {'type': 'ConcatDataset', 'datasets': []}
    with pytest.raises(InputError, match=rf'data\.train\.{key}\.datasets is an empty list'):
        check_components(changed(f'data.train.{key}', wrapped))


def test_whatever_a_constructor_raises_is_told_with_the_line_of_code():
    def build() -> None:
        raise ZeroDivisionError('by nothing')

    with pytest.raises(InputError, match=r'here: ZeroDivisionError: by nothing \(.*test_components\.py, line \d+\)'):
        told_with_place('here', build)


def test_for_testing_method_and_training_data_do_not_matter():
    check_components(changed('data.train.source.type', 'GTADatasets'), purpose='test')
    check_components(changed('uda.alfa', 0.9), purpose='test')
    with pytest.raises(InputError, match=r'data\.test\.pipeline\.0'):
        check_components(changed('data.test.pipeline.0.type', 'LoadImage'), purpose='test')


def test_target_images_that_no_method_uses_are_pointed_out(caplog):
    check_components(changed('uda', None))
    assert 'uda is not set: training uses its source alone' in caplog.text
    check_components(changed('uda', {'type': 'SourceOnly'}))
    assert 'SourceOnly does not look at its target: training uses its source alone' in caplog.text


def test_a_method_on_the_labelled_domain_alone_needs_no_target_images():
    cfg = changed('uda', {'type': 'SourceOnly'})
    cfg.data.train = cfg.data.test
    check_components(cfg)


def test_a_field_of_the_target_that_the_method_does_not_use_is_named(caplog):
    collect = {'type': 'Collect', 'keys': ['img', 'valid_pseudo_mask', 'depth']}
    check_components(changed('data.train.target.pipeline', [*PIPELINE, collect]))
    assert "data.train.target.pipeline collects 'depth', which the method does not use" in caplog.text
    assert 'valid_pseudo_mask' not in caplog.text

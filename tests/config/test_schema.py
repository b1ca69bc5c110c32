import copy
import re
from dataclasses import fields
from inspect import getsource, signature

import pytest
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing

from mmseg.config import schema
from mmseg.engine.param_groups import ParamwiseRules
from mmseg.engine.schedule import LearningRate
from mmseg.errors import InputError

CONFIG = {
    'model': {'type': 'EncoderDecoder'},
    'data': {'train': {'type': 'UDADataset', 'rare_class_sampling': {}}, 'val': {}, 'test': {}},
    'optimizer': {'type': 'AdamW', 'lr': 6e-5, 'paramwise_cfg': {}},
    'runner': {'type': 'IterBasedRunner', 'max_iters': 10},
    'lr_config': {'policy': 'poly'},
}


def config(**changes):
    """CONFIG with values replaced by dotted key (double underscores for dots)."""
    values = copy.deepcopy(CONFIG)
    for dotted, value in changes.items():
        *parents, last = dotted.split('__')
        part = values
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = value
    return schema.complete(values, name='x')


def test_a_good_config_is_accepted():
    assert schema.validate(config(), 'train') == []


@pytest.mark.parametrize(
    ('written', 'meant'),
    [
        ('runer', 'runner'),
        ('optimiser', 'optimizer'),
        ('evalution', 'evaluation'),
        ('checkpoint_cfg', 'checkpoint_config'),
        ('workdir', 'work_dir'),
        ('num_gpus', 'n_gpus'),
        ('precison', 'precision'),
    ],
)
def test_a_misspelt_key_is_an_error_that_names_the_right_one(written, meant):
    with pytest.raises(InputError, match=f"'{written}'. Did you mean '{meant}'"):
        schema.validate(config(**{written: 1}), 'train')


@pytest.mark.parametrize(
    'name', [*sorted(schema.USER_VARIABLES), 'gta_train_pipeline', 'git_rev', 'gpu_mtotal', 'name_uda']
)
def test_variables_of_users_are_no_errors(name):
    assert schema.validate(config(**{name: 1}), 'train') == []


@pytest.mark.parametrize(
    ('section', 'written', 'meant'),
    [
        ('data', 'sample_per_gpu', 'samples_per_gpu'),
        ('data__train__rare_class_sampling', 'min_pixel', 'min_pixels'),
        ('runner', 'max_iter', 'max_iters'),
        ('lr_config', 'warmup_iter', 'warmup_iters'),
        ('optimizer_config', 'grad_clips', 'grad_clip'),
        ('optimizer__paramwise_cfg', 'custom_key', 'custom_keys'),
        ('checkpoint_config', 'intervall', 'interval'),
        ('evaluation', 'metrics', 'metric'),
        ('log_config', 'hook', 'hooks'),
        ('dist_params', 'backends', 'backend'),
    ],
)
def test_an_unknown_key_of_a_section_is_an_error_that_names_the_right_one(section, written, meant):
    with pytest.raises(InputError, match=rf"{section.replace('__', '.')}\.{written}\. Did you mean '{meant}'"):
        schema.validate(config(**{f'{section}__{written}': 1}), 'train')


def test_all_unknown_keys_are_named_in_one_message():
    with pytest.raises(InputError, match=r'(?s)runer.*evaluation\.metrics'):
        schema.validate(config(runer=1, evaluation__metrics=1), 'train')


@pytest.mark.parametrize('key', ['model', 'data__train', 'optimizer', 'runner'])
def test_what_training_needs_is_asked_for(key):
    with pytest.raises(InputError, match=f'no {key.replace("__", ".")!r}'):
        schema.validate(config(**{key: None}), 'train')


NONE_ALONE = [
    *('accumulate', 'n_gpus', 'precision', 'compile', 'tf32', 'log_level', 'custom_hooks', 'env_cfg', 'workflow'),
    *('log_config__hooks', 'log_config__interval', 'dist_params__port', 'dist_params__backend'),
    *('evaluation__metric', 'evaluation__samples_per_gpu', 'evaluation__interval', 'evaluation__weights'),
    *('data__samples_per_gpu', 'data__workers_per_gpu', 'env_cfg__mp_cfg', 'env_cfg__resource_limit'),
    *(f'data__train__rare_class_sampling__{key}' for key in ('class_temp', 'min_pixels', 'min_crop_ratio', 'tries')),
]


@pytest.mark.parametrize('key', NONE_ALONE)
def test_none_is_the_default(key):
    given = config(**{key: None})
    assert schema.validate(given, 'train') == []
    section = key.split('__')[0]
    assert given[section] == config().get(section)


@pytest.mark.parametrize('key', ['classes', 'num_classes', 'min_pixels', 'min_crop_ratio'])
def test_none_is_the_default_of_what_is_pasted(key):
    method = {'type': 'DACSPlus', 'soft_paste': True}
    values = config(uda=method, data__train__long_tail_paste={'min_pixels': 5, key: None})
    assert schema.validate(values, 'train') == []
    assert key not in values['data']['train']['long_tail_paste']


@pytest.mark.parametrize('key', ['interval', 'images', 'held_out'])
def test_none_is_the_default_of_what_is_measured_without_labels(key):
    values = config(target_monitor={'images': 2, key: None})
    assert schema.validate(values, 'train') == []
    assert key not in values['target_monitor']


def test_none_means_no_limit_of_minutes():
    assert config(checkpoint_config__minutes=None)['checkpoint_config']['minutes'] is None


@pytest.mark.parametrize(
    ('key', 'value', 'said'),
    [
        ('env_cfg__cudnn_benchmrk', True, r"env_cfg\.cudnn_benchmrk\. Did you mean 'cudnn_benchmark'"),
        ('env_cfg__mp_cfg__start', 'fork', r'Unknown key env_cfg\.mp_cfg\.start'),
        ('env_cfg__mp_cfg', 5, r"'env_cfg\.mp_cfg' has to be a dict, not 5"),
        ('env_cfg__resource_limit', 'x', r'env_cfg\.resource_limit has to be a whole number of at least 1'),
        ('env_cfg__mp_cfg__mp_start_method', 'x', r"mp_start_method is 'x', not one of 'fork', 'spawn'"),
        ('env_cfg__mp_cfg__opencv_num_threads', 10**30, r'opencv_num_threads has to be a whole number in -1\.\.4096'),
    ],
)
def test_settings_of_the_process_are_checked(key, value, said):
    with pytest.raises(InputError, match=said):
        schema.validate(config(**{key: value}), 'train')


def test_the_engine_takes_every_setting_of_the_process_that_is_known():
    assert schema.SECTIONS['env_cfg.mp_cfg'] == {*signature(set_multi_processing).parameters} - {'distributed'}
    read = set(re.findall(r"env_cfg\.get\('(\w+)'", getsource(Runner.setup_env)))
    assert schema.SECTIONS['env_cfg'] == read


def test_training_needs_no_validation_data():
    assert schema.validate(config(data__val=None), 'train') == []
    assert schema.validate(config(data__val=None, evaluation=None), 'train') == []


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('precision', 'fp8'),
        ('evaluation__precision', 'fp8'),
        ('evaluation__samples_per_gpu', 0),
        ('runner__type', 'EpochBasedRunner'),
        ('runner__max_iters', 0),
        ('runner__max_iters', '10'),
        ('seed', -1),
        ('seed', True),
        ('accumulate', 0),
        ('checkpoint_config__by_epoch', True),
        ('data__samples_per_gpu', 0),
        ('evaluation__interval', 0.5),
        ('log_config__hooks', ["dict(type='WandbLoggerHook')"]),
        ('log_config__hooks', {'type': 'TextLoggerHook'}),
        ('custom_hooks', 3),
        ('custom_hooks', [{'priority': 'LOW'}]),
        ('custom_hooks', [{'type': []}]),
        ('deterministic', 'yes'),
        ('load_from', 5),
        ('workflow', 3),
        ('evaluation__metric', 5),
        ('data__train__rare_class_sampling__class_temp', float('nan')),
        ('data__train__long_tail_paste__min_pixels', 'x'),
        ('data__train__long_tail_paste__min_crop_ratio', [1]),
        ('data__train__long_tail_paste__num_classes', True),
        ('data__train__long_tail_paste__classes', 5),
        ('optimizer__lr', float('inf')),
        ('optimizer__lr', -1),
    ],
)
def test_a_value_that_cannot_be_is_an_error(key, value):
    with pytest.raises(InputError, match=rf'{key.replace("__", ".")} (is|has to be)'):
        schema.validate(config(**{key: value}), 'train')


SECTIONS = ['data', 'runner', 'uda', 'evaluation', 'data__train__rare_class_sampling', 'optimizer_config__grad_clip']


@pytest.mark.parametrize('key', SECTIONS)
@pytest.mark.parametrize('value', [[1], 0, 5, 'x', False])
def test_a_section_that_is_no_dict_is_an_error(key, value):
    with pytest.raises(InputError, match=f"'{key.replace('__', '.')}' has to be a dict"):
        schema.validate(config(**{key: value}), 'train')


def test_keys_that_are_no_texts_are_named_with_the_others():
    with pytest.raises(InputError, match=r'lr_config\.1\..*lr_config\.a\.'):
        schema.validate(config(lr_config={1: 2, 'a': 3}), 'train')


@pytest.mark.parametrize('empty', [[], ()])
def test_an_empty_list_is_no_data(empty):
    with pytest.raises(InputError, match=r"no 'data\.train'"):
        schema.validate(config(data__train=empty), 'train')


def test_a_method_without_type_is_an_error():
    with pytest.raises(InputError, match=r"'uda' has no 'type'; it holds \['alpha'\]"):
        schema.validate(config(uda={'alpha': 0.9}), 'train')


@pytest.mark.parametrize('key', ['exp', 'name'])
@pytest.mark.parametrize(
    ('value', 'reason'),
    [
        ('../../elsewhere', 'in another folder'),
        ('a\\b', 'in another folder'),
        ('..', 'in another folder'),
        ('x\ntouch made', 'line break'),
        ('x\u2028y', 'line break'),
        ('\x1b[2J', 'control character'),
        ('x' * 201, 'longer'),
        (' ', 'empty'),
        (['a'], 'has to be a text'),
    ],
)
def test_a_name_that_files_cannot_have_is_an_error(key, value, reason):
    with pytest.raises(InputError, match=f'(?s){key}=.*cannot be part of a file name: .*{reason}'):
        schema.validate(config(**{key: value}), 'train')


@pytest.mark.parametrize('value', ['gta2cs_uda_warm_s0', 'Läufe 7 (neu)', '.hidden', 12, 'a..b'])
def test_other_names_are_fine(value):
    assert schema.validate(config(exp=value, name=value), 'train') == []


def test_for_testing_a_section_that_is_no_dict_does_not_matter():
    values = {'model': {'type': 'X'}, 'data': {'test': {}}, 'uda': 5, 'evaluation': 'x'}
    told = schema.validate(schema.complete(values, name='x'), 'test')
    assert told == ["'evaluation' has to be a dict, not 'x'.", "'uda' has to be a dict, not 5."]


def test_for_testing_only_model_and_test_data_matter():
    values = {'model': {'type': 'X'}, 'data': {'test': {}}, 'runer': 1, 'evaluation': {'metrics': 'mIoU'}}
    told = schema.validate(schema.complete(values, name='x'), 'test')
    assert any('runer' in line for line in told)
    assert any('evaluation.metrics' in line for line in told)
    with pytest.raises(InputError, match=r"no 'data\.test'"):
        schema.validate(schema.complete({'model': {'type': 'X'}}, name='x'), 'test')


def test_a_section_that_is_there_gets_its_missing_keys():
    values = config(checkpoint_config={'interval': 500}, log_config={'interval': 10})
    assert values['checkpoint_config'] == {'by_epoch': False, 'interval': 500, 'max_keep_ckpts': 1, 'minutes': 30}
    assert [hook['type'] for hook in values['log_config']['hooks']] == ['TextLoggerHook', 'TensorboardLoggerHook']


@pytest.mark.parametrize('section', ['evaluation', 'checkpoint_config'])
def test_a_run_may_go_without_evaluation_and_without_saving(section):
    values = config(**{section: None})
    assert values[section] is None
    assert schema.validate(values, 'train') == []


def test_completing_one_config_leaves_the_defaults_alone():
    config()['log_config']['hooks'].clear()
    assert len(schema.DEFAULTS['log_config']['hooks']) == 2


def test_the_known_keys_are_those_of_the_classes_that_take_them():
    assert schema.SECTIONS['optimizer.paramwise_cfg'] == {field.name for field in fields(ParamwiseRules)}
    assert schema.SECTIONS['lr_config'] == {field.name for field in fields(LearningRate)} - {'max_iters'}


@pytest.mark.parametrize('flow', [[('train', 1), ('val', 1)], [['val', 1]]])
def test_a_workflow_of_more_than_training_is_refused(flow):
    with pytest.raises(InputError, match=r'workflow=.*evaluation\.interval'):
        schema.validate(config(workflow=flow), 'train')
    assert schema.validate(config(workflow=[['train', 1]]), 'train') == []


@pytest.mark.parametrize(
    'values',
    [
        {'model': {'type': 'EncoderDecoder', 'data_preprocessor': {}}},
        {'default_scope': 'mmseg', 'train_dataloader': {}, 'model': None},
    ],
)
def test_a_config_of_mmsegmentation_1_is_named_with_what_its_keys_are_called_here(values):
    with pytest.raises(InputError, match=r'mmsegmentation 1\.x.*optimizer and optimizer_config for optim_wrapper'):
        schema.refuse_other_schemas(values)
    schema.refuse_other_schemas(config())

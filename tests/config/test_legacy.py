import copy
import json
import logging
from pathlib import Path

import pytest

from mmseg.config import legacy, rules
from mmseg.config.load import load_config
from mmseg.errors import InputError

PUBLISHED = Path(__file__).parents[1] / 'data' / 'configs'
NAME = '211108_1622_gta2cs_daformer_s0_7f24c'

# Old config, what becomes of it, the word the note has to contain.
ROWS = [
    (
        {'model': {'backbone': {'type': 'mit_b5', 'style': 'pytorch'}}},
        {'model': {'backbone': {'type': 'mit_b5'}}},
        'model.backbone.style',
    ),
    (
        {'model': {'backbone': {'ema_drop_path_rate': 0.0}}},
        {'model': {'backbone': {}}},
        'model.backbone.ema_drop_path_rate',
    ),
    ({'model': {'decode_head': {'type': 'UniHead'}}}, {'model': {'decode_head': {'type': 'DAFormerHead'}}}, 'UniHead'),
    (
        {'model': {'decode_head': {'decoder_params': {'fusion_cfg': {'type': 'aspp', 'fusion': 'x'}}}}},
        {'model': {'decode_head': {'decoder_params': {'fusion_cfg': {'type': 'aspp'}}}}},
        'fusion_cfg.fusion',
    ),
    (
        {'model': {'decode_head': {'p': {'embed_cfg': {'type': 'mlp'}, 'embed_neck_cfg': 'same_as_embed_cfg'}}}},
        {'model': {'decode_head': {'p': {'embed_cfg': {'type': 'mlp'}, 'embed_neck_cfg': {'type': 'mlp'}}}}},
        'embed_neck_cfg',
    ),
    ({'model': {'decode_head': {'scales': [0.5, 1]}}}, {'model': {'decode_head': {}}}, 'decode_head.scales'),
    ({'model': {'decode_head': {'enable_hr_crop': True}}}, {'model': {'decode_head': {}}}, 'enable_hr_crop'),
    ({'model': {'decode_head': {'hr_slide_inference': 1}}}, {'model': {'decode_head': {}}}, 'hr_slide_inference'),
    ({'model': {'train_cfg': {'work_dir': 'w'}}}, {'model': {'train_cfg': {}}}, 'work_dir'),
    ({'model': {'train_cfg': {'log_config': {}}}}, {'model': {'train_cfg': {}}}, 'log_config'),
    (
        {'model': {'decode_head': {'loss_decode': [{'type': 'DiceLoss', 'ignore_index': 255}]}}},
        {'model': {'decode_head': {'loss_decode': [{'type': 'DiceLoss'}]}}},
        'loss_decode.0.ignore_index',
    ),
    ({'uda': {'model': {}}}, {'uda': {}}, 'uda.model'),
    ({'uda': {'max_iters': 4}}, {'uda': {}}, 'uda.max_iters'),
    ({'uda': {'source_only': False}}, {'uda': {}}, 'uda.source_only'),
    (
        {'uda': {'type': 'DACS', 'source_only': True, 'alpha': 0.9, 'blur': True, 'debug_img_interval': 7}},
        {'uda': {'type': 'SourceOnly', 'debug_img_interval': 7}},
        "uda.type='SourceOnly'",
    ),
    ({'uda': {'print_grad_magnitude': True}}, {'uda': {}}, 'print_grad_magnitude'),
    ({'uda': {'imnet_feature_dist_scale_method': 'x'}}, {'uda': {}}, 'scale_method'),
    ({'uda': {'imnet_original_pretrained': True}}, {'uda': {}}, 'imnet_original_pretrained'),
    ({'optimizer': {'constructor': 'DefaultOptimizerConstructor'}}, {'optimizer': {}}, 'constructor'),
    (
        {'optimizer': {'paramwise_cfg': {'custom_keys': {'pos_block': {'decay_mult': 0.0}, 'head': {}}}}},
        {'optimizer': {'paramwise_cfg': {'custom_keys': {'head': {}}}}},
        'pos_block',
    ),
    ({'optimizer_config': {'loss_scale': 512.0}}, {'optimizer_config': {}}, 'loss_scale'),
    ({'lr_config': {'warmup_by_epoch': False}}, {'lr_config': {}}, 'warmup_by_epoch'),
    ({'data': {'persistent_workers': True}}, {'data': {}}, 'persistent_workers'),
    ({'data': {'pin_memory': True}}, {'data': {}}, 'pin_memory'),
    ({'evaluation': {'by_epoch': False}}, {'evaluation': {}}, 'by_epoch'),
    ({'evaluation': {'efficient_test': True}}, {'evaluation': {}}, 'efficient_test'),
    ({'evaluation': {'pre_eval': True}}, {'evaluation': {}}, 'pre_eval'),
    ({'evaluation': {'gpu_collect': True}}, {'evaluation': {}}, 'gpu_collect'),
    ({'checkpoint_config': {'create_symlink': True}}, {'checkpoint_config': {}}, 'create_symlink'),
    ({'checkpoint_config': {'save_last': True}}, {'checkpoint_config': {}}, 'save_last'),
    ({'checkpoint_config': {'meta': {}}}, {'checkpoint_config': {}}, 'meta'),
    (
        {
            'uda': {
                'mask_mode': 'separatetrgaug',
                'mask_alpha': 'same',
                'mask_pseudo_threshold': None,
                'mask_lambda': 1,
                'mask_generator': {'type': 'block', 'mask_ratio': 0.7, 'mask_block_size': 32},
            }
        },
        {
            'uda': {
                'terms': [
                    {
                        'type': 'MaskedConsistency',
                        'mode': 'separatetrgaug',
                        'alpha': 'same',
                        'pseudo_threshold': None,
                        'weight': 1,
                        'ratio': 0.7,
                        'block_size': 32,
                    }
                ]
            }
        },
        'MaskedConsistency',
    ),
    (
        {'uda': {'source_only': True, 'mask_mode': 'separatesrcaug', 'color_jitter_strength': 0.3}},
        {
            'uda': {
                'type': 'SourceOnly',
                'terms': [{'type': 'MaskedConsistency', 'mode': 'separatesrcaug', 'color_jitter_strength': 0.3}],
            }
        },
        'SourceOnly',
    ),
    ({'uda': {'mask_mode': None, 'mask_lambda': 1}}, {'uda': {}}, 'mask_'),
    ({'fp16': {}}, {}, 'fp16'),
    ({'gpu_ids': [0]}, {}, 'gpu_ids'),
    ({'model': {}, 'test_cfg': {'mode': 'whole'}}, {'model': {'test_cfg': {'mode': 'whole'}}}, 'model.test_cfg'),
    (
        {
            'model': {
                'decode_head': {
                    'num_classes': 2,
                    'out_channels': 1,
                    'threshold': 0.5,
                    'loss_decode': [{'type': 'CrossEntropyLoss', 'use_sigmoid': True}, {'type': 'DiceLoss'}],
                }
            }
        },
        {
            'model': {
                'decode_head': {
                    'num_classes': 2,
                    'out_channels': 1,
                    'loss_decode': [{'type': 'CrossEntropyLoss'}, {'type': 'DiceLoss'}],
                }
            }
        },
        'use_sigmoid dropped',
    ),
    ({'total_iters': 7}, {'runner': {'type': 'IterBasedRunner', 'max_iters': 7}}, 'runner.max_iters'),
    (
        {'optimizer_config': {'type': 'Fp16OptimizerHook', 'loss_scale': 512.0}},
        {'optimizer_config': {}, 'precision': 'fp16'},
        "precision='fp16'",
    ),
    (
        {'optimizer_config': {'type': 'GradientCumulativeOptimizerHook', 'cumulative_iters': 4}},
        {'optimizer_config': {}, 'accumulate': 4},
        'accumulate=4',
    ),
]


@pytest.mark.parametrize(('old', 'new', 'note'), ROWS, ids=[row[2] for row in ROWS])
def test_an_old_spelling_becomes_todays_with_a_note(old, new, note):
    values = copy.deepcopy(old)
    notes, refused = legacy.modernise(values)
    assert values == new
    assert any(note in line for line in notes)
    assert refused == []


RUNNER = {'type': 'IterBasedRunner', 'max_iters': 9}


def test_an_old_spelling_beside_todays_never_says_that_it_counts():
    values = {'total_iters': 7, 'runner': RUNNER}
    assert legacy.modernise(values).notes == ['total_iters=7 dropped (beside a runner it never had an effect)']
    assert values == {'runner': RUNNER}
    for hook, key, value in (
        ({'type': 'Fp16OptimizerHook'}, 'precision', 'bf16'),
        ({'type': 'GradientCumulativeOptimizerHook', 'cumulative_iters': 4}, 'accumulate', 2),
    ):
        (refused,) = legacy.modernise({'optimizer_config': dict(hook), key: value}).refused
        assert f'{hook["type"]} means {key}=' in refused
        assert f'but {key}={value!r} is set too' in refused
        same = 4 if key == 'accumulate' else 'fp16'
        assert legacy.modernise({'optimizer_config': dict(hook), key: same}).refused == []


def test_another_threshold_of_one_output_is_refused_and_a_sigmoid_of_every_class_is_left():
    head = {'num_classes': 2, 'out_channels': 1, 'threshold': 0.3}
    _, refused = legacy.modernise({'model': {'decode_head': head}})
    assert refused == ['model.decode_head.threshold: a pixel is of the more probable class here (0.5): leave it out.']
    values = {'model': {'decode_head': {'num_classes': 2, 'loss_decode': {'type': 'x', 'use_sigmoid': True}}}}
    assert legacy.modernise(copy.deepcopy(values)).notes == []


def test_every_row_of_the_table_of_dead_keys_is_tested():
    dropped = ' '.join(row[2] + str(row[0]) for row in ROWS)
    assert len(legacy.DEAD) == 23
    assert len(rules.DEAD) == 7
    assert [row.key for row in (*legacy.DEAD, *rules.DEAD) if row.key not in dropped] == []


@pytest.mark.parametrize(
    'values',
    [
        {'model': {'backbone': {'type': 'ResNetV1c', 'style': 'pytorch'}}},
        {'model': {'decode_head': {'type': 'DAFormerHead'}}},
        {'evaluation': {'by_epoch': True}},
        {'optimizer': {'constructor': 'LayerDecayOptimizerConstructor'}},
        {'git_rev': '', 'gpu_mtotal': 11016, 'total_train_time': '16:00', 'name_uda': 'x', 'exp': 'basic', 'n_gpus': 1},
    ],
)
def test_what_means_something_elsewhere_stays(values):
    before = copy.deepcopy(values)
    assert legacy.modernise(values) == ([], [])
    assert values == before


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ({'img_scale': [1280, 720]}, {'img_scale': (1280, 720)}),
        ({'img_scale': [[60, 40], [100, 80]]}, {'img_scale': [(60, 40), (100, 80)]}),
        ({'img_scale': None}, {'img_scale': None}),
        ({'crop_size': [512, 512]}, {'crop_size': (512, 512)}),
        ({'ratio_range': [0.5, 2.0]}, {'ratio_range': (0.5, 2.0)}),
        ({'betas': [0.9, 0.999]}, {'betas': (0.9, 0.999)}),
        ({'pipeline': [{'size': [4, 4]}]}, {'pipeline': [{'size': (4, 4)}]}),
        ({'keys': ['img']}, {'keys': ['img']}),
    ],
)
def test_lists_become_tuples_where_json_had_no_choice(old, new):
    assert legacy.modernise(old) == ([], [])
    assert old == new


@pytest.mark.parametrize(
    ('change', 'way_out'),
    [
        ({'optimizer_config': {'type': 'DistOptimizerHook', 'coalesce': True}}, 'precision and accumulate'),
        ({'uda': {'mask_mode': 'separate', 'mask_generator': {'type': 'grid'}}}, "'grid' is not known: masks are made"),
    ],
)
def test_an_old_setting_without_counterpart_refuses_training_with_the_way_out(change, way_out, tmp_path, caplog):
    values = json.loads((PUBLISHED / f'{NAME}.json').read_text())
    for section, settings in change.items():
        values[section] = {**(values[section] or {}), **settings}
    path = tmp_path / 'published.json'
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=way_out):
        load_config(path)
    load_config(path, purpose='test')
    assert way_out in caplog.text


@pytest.mark.parametrize('purpose', ['train', 'test'])
@pytest.mark.parametrize('form', ['', '_with_base'])
def test_a_published_config_loads_unmodified_with_one_log_line(form, purpose, caplog):
    with caplog.at_level(logging.INFO):
        cfg = load_config(PUBLISHED / f'{NAME}{form}.json', purpose=purpose)
    assert len(caplog.records) == 1
    assert 'UniHead is now DAFormerHead' in caplog.text
    assert cfg.model.decode_head.type == 'DAFormerHead'
    assert 'style' not in cfg.model.backbone
    assert cfg.data.test.pipeline[1].img_scale == (1024, 512)
    assert cfg.optimizer.betas == (0.9, 0.999)
    assert cfg.uda.pseudo_weight_ignore_bottom == 120
    assert cfg.name == NAME


def test_both_forms_of_a_published_config_say_the_same_of_network_and_method():
    expanded, with_base = (load_config(PUBLISHED / f'{NAME}{form}.json') for form in ('', '_with_base'))
    for key in ('model', 'uda', 'optimizer', 'lr_config', 'runner', 'evaluation', 'checkpoint_config'):
        assert expanded[key] == with_base[key]


def test_a_key_unknown_to_us_in_a_published_config_is_one_warning_when_testing(tmp_path, caplog):
    values = json.loads((PUBLISHED / f'{NAME}.json').read_text())
    values['lr_config']['new_option'] = 1
    path = tmp_path / 'published.json'
    path.write_text(json.dumps(values))
    load_config(path, purpose='test')
    assert [record for record in caplog.records if 'lr_config.new_option' in record.getMessage()]
    with pytest.raises(InputError, match=r'lr_config\.new_option'):
        load_config(path)


def test_settings_beside_and_in_the_model_have_to_agree():
    values = {'model': {'test_cfg': {'mode': 'whole'}}, 'test_cfg': {'mode': 'slide'}}
    _, (problem,) = legacy.modernise(values)
    assert problem.startswith("test_cfg is set beside the model ({'mode': 'slide'})")

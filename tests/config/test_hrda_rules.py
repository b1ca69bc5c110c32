"""Published layouts of HRDA's configs, and settings that do not go together."""

import json
from pathlib import Path

import pytest

from mmseg.config import legacy
from mmseg.config.components import check_components
from mmseg.config.load import load_config
from mmseg.errors import InputError

SHIPPED = Path(__file__).parents[2] / 'configs' / 'hrda' / 'gtaHR2csHR_hrda.py'


@pytest.mark.parametrize(
    ('old', 'new', 'word'),
    [
        (
            {'data': {'train': {'target': {'crop_pseudo_margins': [30, 240, 30, 30]}}}},
            {'data': {'train': {'target': {}, 'pseudo_margins': [30, 240, 30, 30]}}},
            'data.train.pseudo_margins',
        ),
        (
            {'data': {'train': {'target': {'crop_pseudo_margins': None}}}},
            {'data': {'train': {'target': {}}}},
            'crop_pseudo_margins dropped',
        ),
        (
            {'log_config': {'img_interval': 500}, 'uda': {}},
            {'log_config': {}, 'uda': {'debug_img_interval': 500}},
            'uda.debug_img_interval',
        ),
        (
            {'log_config': {'img_interval': 500}, 'uda': {'debug_img_interval': 7}},
            {'log_config': {}, 'uda': {'debug_img_interval': 7}},
            'img_interval',
        ),
        ({'log_config': {'img_interval': 500}}, {'log_config': {}}, 'img_interval dropped'),
    ],
)
def test_an_old_spelling_is_translated_and_told(old, new, word):
    translation = legacy.modernise(old)
    assert old == new
    assert word in ' '.join(translation.notes)
    assert not translation.refused


def test_a_config_in_the_published_layout_says_what_the_shipped_one_says(tmp_path):
    shipped = load_config(SHIPPED)
    published = json.loads(json.dumps(shipped.to_dict()))
    margins = published['data']['train'].pop('pseudo_margins')
    published['data']['train']['target']['crop_pseudo_margins'] = margins
    published['log_config']['img_interval'] = published['uda'].pop('debug_img_interval')
    published['model']['backbone']['style'] = 'pytorch'
    published['model']['train_cfg'] = {'work_dir': 'work_dirs/x', 'log_config': {'img_interval': 1000}}
    published['model']['decode_head'] |= {'scales': [0.5, 1], 'enable_hr_crop': True, 'hr_slide_inference': True}
    published['uda'] |= {'max_iters': 40000, 'model': published['model'], 'print_grad_magnitude': False}
    published['optimizer']['paramwise_cfg']['custom_keys']['pos_block'] = {'decay_mult': 0.0}
    path = tmp_path / 'published.json'
    path.write_text(json.dumps(published))
    read = load_config(path)
    check_components(read)
    for key in ('model', 'uda', 'data', 'optimizer', 'log_config'):
        assert json.loads(json.dumps(read[key])) == json.loads(json.dumps(shipped[key])), key


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (
            {'model.hr_crop_size': [1032, 512]},
            r'hr_crop_size=\(1032, 512\) is larger than data\.train\.source\.pipeline\.3\.crop_size=\(1024, 1024\)',
        ),
        ({'data.train.sync_crop_size': [500, 512]}, r'sync_crop_size=\(500, 512\) has to be two multiples of .*=8'),
        ({'uda.pseudo_weight_ignore_bottom': 120}, 'pseudo_margins and uda.pseudo_weight_ignore_bottom both'),
        ({'data.train.pseudo_margin': [1, 2, 3, 4]}, "UDADataset has no argument 'pseudo_margin'"),
    ],
)
def test_settings_that_do_not_go_together_are_told_before_anything_is_read(options, words):
    with pytest.raises(InputError, match=words):
        check_components(load_config(SHIPPED, options))

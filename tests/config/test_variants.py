"""Switches of the methods beyond DACS that need a setting elsewhere in the config."""

import pytest

from mmseg.config.load import load_config
from mmseg.errors import InputError

RUN = """
model = dict(type='EncoderDecoder')
data = dict(
    samples_per_gpu=2,
    train=dict(type='UDADataset', source=dict(type='GTADataset'), target=dict(type='CityscapesDataset')),
)
optimizer = dict(type='SGD', lr=0.1)
runner = dict(type='IterBasedRunner', max_iters=1)
evaluation = None
uda = dict(type='DACSPlus')
"""
PASTE = {'data.train.long_tail_paste': {'num_classes': 2}}


@pytest.fixture
def run(tmp_path):
    path = tmp_path / 'run.py'
    path.write_text(RUN)
    return path


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'uda.soft_paste': True, **PASTE},
        {'uda.type': 'DSP', 'data.train.second_source': True, **PASTE},
        {'uda.type': 'DSP', 'data.train.second_source': True, 'uda.soft_paste': False},
        {'uda.mmd': {'weight': 1, 'queue': 2}},
        {'uda.mmd': {'weight': 1, 'queue': 0}},
        {'uda.mix_losses_soft': False, 'uda.mmd_loss': False},
    ],
)
def test_settings_that_go_together_pass(run, options):
    load_config(run, options)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'uda.soft_paste': True}, r'uda\.soft_paste needs data\.train\.long_tail_paste'),
        (PASTE, r'what nobody pastes'),
        ({'uda.type': 'DACS', **PASTE}, r"uda\.type='DACSPlus'"),
        ({'uda.type': 'DSP', **PASTE}, r'data\.train\.second_source=True'),
        ({'uda.type': 'DSP', 'data.train.second_source': True}, r'needs data\.train\.long_tail_paste'),
        ({'uda.mmd': {'weight': 1, 'queue': 1}}, r'uda\.mmd\.queue is 1.*samples_per_gpu=2'),
        ({'uda.masked_mmd': {'weight': 1, 'queue': 1}}, r'uda\.masked_mmd\.queue is 1'),
        ({'data.train.long_tail_paste': {'classs': [1]}, 'uda.soft_paste': True}, "Did you mean 'classes'"),
        ({'uda.mix_losses_soft': True}, r"type='DACSPlus' with soft=0\.9"),
        ({'uda.mmd_loss': True}, r'mmd=dict\(weight=0\.005\)'),
        ({'uda.adv_loss': True}, 'no adversarial loss'),
    ],
)
def test_settings_at_odds_are_refused_when_the_config_is_read(run, options, message):
    with pytest.raises(InputError, match=message):
        load_config(run, options)

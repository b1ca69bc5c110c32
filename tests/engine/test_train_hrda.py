"""HRDA in whole runs: stopped and resumed, accumulated, in two processes, in bf16, with compiled encoders."""

import signal

import pytest
import torch

from mmseg.engine.stop import Interrupted
from mmseg.engine.train import train
from tests.engine.one_step import (
    assert_bf16_changes_little,
    assert_compiling_changes_nothing,
    assert_two_processes_keep_the_same_networks,
    built,
    step,
)
from tests.engine.test_train import lines
from tests.engine.test_train_uda import SEGMENTOR, UDA
from tests.engine.tiny import SIZE, tiny_config

HRDA = {
    **SEGMENTOR,
    'type': 'HRDAEncoderDecoder',
    'backbone': {**SEGMENTOR['backbone'], 'sr_ratios': (1, 1, 1, 1)},
    'decode_head': {
        **SEGMENTOR['decode_head'],
        'type': 'HRDAHead',
        'single_scale_head': 'DAFormerHead',
        'attention_embed_dim': 4,
        'hr_loss_weight': 0.1,
    },
    'hr_crop_size': (SIZE // 2, SIZE // 2),
    'test_cfg': {'mode': 'slide', 'batched_slide': True, 'crop_size': (SIZE, 24), 'stride': (SIZE, 8)},
}


def hrda_config(work_dir, **options):
    options = {'runner__max_iters': 6, 'checkpoint_config__interval': 2, 'log_config__interval': 1, **options}
    return tiny_config(work_dir, model=HRDA, uda=UDA, evaluation__interval=6, **options)


@pytest.mark.parametrize('accumulate', [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_stopped_run_goes_on_with_the_same_detail_crops_bit_for_bit(tmp_path, accumulate):
    straight = train(hrda_config(tmp_path / 'straight', accumulate=accumulate))
    stop = [{'type': 'KillAt', 'iteration': 3, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(hrda_config(tmp_path / 'run', accumulate=accumulate, custom_hooks=stop))
    train(hrda_config(tmp_path / 'run', accumulate=accumulate), resume=tmp_path / 'run' / 'latest.pth')
    assert lines(straight) == lines(tmp_path / 'run')
    state, resumed = (torch.load(run / 'latest.pth', weights_only=True) for run in (straight, tmp_path / 'run'))
    torch.testing.assert_close(state['state_dict'], resumed['state_dict'], rtol=0, atol=0)
    torch.testing.assert_close(state['optimizer']['state'], resumed['optimizer']['state'], rtol=0, atol=0)
    names = {f'{prefix}decode.{part}loss_seg' for prefix in ('', 'mix.') for part in ('', 'hr.')}
    assert names < lines(straight)['train', 6].keys()
    state = state['state_dict']
    for name in ('head.conv_seg.weight', 'scale_attention.conv_seg.weight'):
        assert not torch.equal(state[f'model.decode_head.{name}'], state[f'ema_model.decode_head.{name}'])
        assert not torch.equal(state[f'model.decode_head.{name}'], state[f'imnet_model.decode_head.{name}'])


def test_two_processes_draw_different_crops_and_keep_one_student_and_teacher(tmp_path):
    cfg = hrda_config(tmp_path / 'pair', custom_hooks=[{'type': 'Recorder'}], runner__max_iters=2, evaluation=None)
    assert_two_processes_keep_the_same_networks(cfg)


@pytest.mark.slow
def test_compiled_encoders_give_the_same_step():
    assert_compiling_changes_nothing(built(hrda_config('unused')))


def test_bf16_descends_the_same_objective():
    names = {f'{prefix}decode.{part}loss_seg' for prefix in ('', 'mix.') for part in ('', 'hr.')}
    assert_bf16_changes_little(hrda_config('unused'), names)


def test_debug_figures_show_the_detail_crop_and_the_attention_in_it():
    model = built(hrda_config('unused', uda__debug_img_interval=1))
    step(model)
    shown = model.last_step.extra
    for part in ('source', 'mixed'):
        crop, attention = shown[f'{part} detail crop'], shown[f'{part} detail attention']
        assert crop.shape == attention.shape == (2, 1, SIZE, SIZE)
        assert crop.sum() == 2 * (SIZE // 2) ** 2
        assert not attention[crop == 0].any()
        assert ((attention[crop == 1] > 0) & (attention[crop == 1] < 1)).all()

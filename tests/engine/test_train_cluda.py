"""CLUDA in whole runs: stopped and resumed, accumulated, in two processes, in bf16, with compiled encoders."""

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
)
from tests.engine.test_train import lines
from tests.engine.test_train_hrda import HRDA
from tests.engine.test_train_uda import UDA
from tests.engine.tiny import tiny_config

CLUDA = {**HRDA, 'decode_head': {**HRDA['decode_head'], 'type': 'CLUDAHead'}}
TERMS = [
    {'type': 'PixelContrast', 'resolutions': 2, 'size': 9, 'chunk': 50},
    {'type': 'UncertainDetail', 'start': 1},  # from the second step on
]
CONTRASTS = {'src.loss_contrast', 'mix.loss_contrast'}


def cluda_config(work_dir, **options):
    options = {'runner__max_iters': 4, 'checkpoint_config__interval': 2, 'log_config__interval': 1, **options}
    return tiny_config(work_dir, model=CLUDA, uda={**UDA, 'terms': TERMS}, evaluation=None, **options)


def test_a_stopped_run_goes_on_bit_for_bit_and_trains_the_weights_of_the_contrast(tmp_path):
    straight = train(cluda_config(tmp_path / 'straight', accumulate=2))
    stop = [{'type': 'KillAt', 'iteration': 2, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(cluda_config(tmp_path / 'run', accumulate=2, custom_hooks=stop))
    train(cluda_config(tmp_path / 'run', accumulate=2), resume=tmp_path / 'run' / 'latest.pth')
    assert lines(straight) == lines(tmp_path / 'run')
    assert lines(straight)['train', 4].keys() > CONTRASTS
    state, resumed = (
        torch.load(run / 'latest.pth', weights_only=True)['state_dict'] for run in (straight, tmp_path / 'run')
    )
    torch.testing.assert_close(state, resumed, rtol=0, atol=0)
    name = 'decode_head.feat_weighter.conv_seg.weight'
    assert not torch.equal(state[f'model.{name}'], state[f'imnet_model.{name}'])


def test_two_processes_keep_one_student_and_teacher(tmp_path):
    cfg = cluda_config(tmp_path / 'pair', custom_hooks=[{'type': 'Recorder'}], runner__max_iters=2)
    assert_two_processes_keep_the_same_networks(cfg)


@pytest.mark.slow
def test_compiled_encoders_give_the_same_step():
    assert_compiling_changes_nothing(built(cluda_config('unused')))


def test_bf16_descends_the_same_objective():
    assert_bf16_changes_little(cluda_config('unused'), CONTRASTS)

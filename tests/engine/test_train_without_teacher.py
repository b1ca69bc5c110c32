"""AdvSeg and MinEnt, which have no teacher, in whole runs: resumed, accumulated, in two processes, bf16, compiled."""

import signal

import pytest
import torch

from mmseg.engine.stop import Interrupted
from mmseg.engine.train import build_model, train
from tests.engine.one_step import (
    assert_bf16_changes_little,
    assert_compiling_changes_nothing,
    assert_two_processes_keep_the_same_networks,
    built,
)
from tests.engine.test_train import lines
from tests.engine.test_train_uda import SEGMENTOR
from tests.engine.tiny import tiny_config

METHODS = {
    'AdvSeg': {'adversarial_weight': 0.1, 'discriminator_lr': 1e-3},
    'MinEnt': {'entropy_weight': 0.1},
}
LOSSES = {
    'AdvSeg': {'trg.loss_adv', 'discriminator.loss_source', 'discriminator.loss_target'},
    'MinEnt': {'trg.loss_entropy'},
}
each_method = pytest.mark.parametrize('method', METHODS)


def config(method, work_dir, **options):
    options = {'runner__max_iters': 4, 'checkpoint_config__interval': 2, 'log_config__interval': 1, **options}
    uda = {'type': method, **METHODS[method], 'debug_img_interval': 1000}
    return tiny_config(work_dir, model=SEGMENTOR, uda=uda, evaluation=None, **options)


@pytest.mark.slow
@each_method
def test_a_stopped_run_goes_on_bit_for_bit_with_the_state_of_all_optimizers(method, tmp_path):
    straight = train(config(method, tmp_path / 'straight', accumulate=2))
    stop = [{'type': 'KillAt', 'iteration': 3, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(config(method, tmp_path / 'run', accumulate=2, custom_hooks=stop))
    train(config(method, tmp_path / 'run', accumulate=2), resume=tmp_path / 'run' / 'latest.pth')
    assert lines(straight) == lines(tmp_path / 'run')
    assert lines(straight)['train', 4].keys() > LOSSES[method]
    state, resumed = (torch.load(run / 'latest.pth', weights_only=True) for run in (straight, tmp_path / 'run'))
    torch.testing.assert_close(state['state_dict'], resumed['state_dict'], rtol=0, atol=0)
    torch.testing.assert_close(state['optimizer']['state'], resumed['optimizer']['state'], rtol=0, atol=0)
    assert len(state['optimizer']['state']) == sum(1 for _ in build_model(config(method, 'unused')).parameters())


@pytest.mark.slow
@each_method
def test_two_processes_keep_the_same_networks(method, tmp_path):
    cfg = config(method, tmp_path / 'pair', custom_hooks=[{'type': 'Recorder'}], runner__max_iters=2)
    assert_two_processes_keep_the_same_networks(cfg)


@pytest.mark.slow
@each_method
def test_compiled_encoders_give_the_same_step(method):
    assert_compiling_changes_nothing(built(config(method, 'unused')))


@each_method
def test_bf16_descends_the_same_objective(method):
    assert_bf16_changes_little(config(method, 'unused'), LOSSES[method])

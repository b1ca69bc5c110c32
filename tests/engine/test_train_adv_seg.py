"""AdvSeg in whole runs: stopped and resumed, accumulated, in two processes, in bf16, with compiled encoders."""

import copy
import signal

import pytest
import torch

from mmseg.engine.acceleration import compile_encoders
from mmseg.engine.optim import build_optim_wrapper
from mmseg.engine.stop import Interrupted
from mmseg.engine.train import build_model, train
from tests.engine.pair import run_pair, train_in_turn
from tests.engine.test_train import lines
from tests.engine.test_train_uda import SEGMENTOR
from tests.engine.tiny import TinyImages, tiny_config

UDA = {'type': 'AdvSeg', 'adversarial_weight': 0.1, 'discriminator_lr': 1e-3, 'debug_img_interval': 1000}
LOSSES = {'trg.loss_adv', 'discriminator.loss_source', 'discriminator.loss_target'}


def adv_config(work_dir, **options):
    options = {'runner__max_iters': 4, 'checkpoint_config__interval': 2, 'log_config__interval': 1, **options}
    return tiny_config(work_dir, model=SEGMENTOR, uda=UDA, evaluation=None, **options)


@pytest.mark.slow
def test_a_stopped_run_goes_on_bit_for_bit_with_the_state_of_both_optimizers(tmp_path):
    straight = train(adv_config(tmp_path / 'straight', accumulate=2))
    stop = [{'type': 'KillAt', 'iteration': 3, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(adv_config(tmp_path / 'run', accumulate=2, custom_hooks=stop))
    train(adv_config(tmp_path / 'run', accumulate=2), resume=tmp_path / 'run' / 'latest.pth')
    assert lines(straight) == lines(tmp_path / 'run')
    assert lines(straight)['train', 4].keys() > LOSSES
    state, resumed = (torch.load(run / 'latest.pth', weights_only=True) for run in (straight, tmp_path / 'run'))
    torch.testing.assert_close(state['state_dict'], resumed['state_dict'], rtol=0, atol=0)
    torch.testing.assert_close(state['optimizer']['state'], resumed['optimizer']['state'], rtol=0, atol=0)
    assert len(state['optimizer']['state']) == sum(1 for _ in build_model(adv_config('unused')).parameters())


@pytest.mark.slow
def test_two_processes_keep_one_student_and_one_discriminator(tmp_path):
    cfg = adv_config(tmp_path / 'pair', custom_hooks=[{'type': 'Recorder'}], runner__max_iters=2)
    assert run_pair(train_in_turn, [(cfg, {})], tmp_path / 'answers') == 0
    made = [torch.load(tmp_path / 'pair' / f'recorded_{rank}.pt', weights_only=True) for rank in (0, 1)]
    parameters = [name for name, _ in build_model(cfg).named_parameters()]
    assert any(name.startswith('discriminator.') for name in parameters)
    assert all(torch.equal(made[0]['state'][name], made[1]['state'][name]) for name in parameters)
    assert made[0]['losses'] != made[1]['losses']


def built():
    torch.manual_seed(0)
    model = build_model(adv_config('unused'))
    model.init_weights()
    for module in model.modules():  # dropped paths would be others
        if hasattr(module, 'drop_prob'):
            module.drop_prob = 0.0
    return model


def step(model, precision='fp32'):
    """One step on noise: what it logs, and the gradients of student and discriminator."""
    samples = [TinyImages().sample(i, 0) for i in range(2)]
    data = {
        key: [s[key] for s in samples] if key.endswith('metas') else torch.stack([s[key] for s in samples])
        for key in samples[0]
    }
    wrapper = build_optim_wrapper(model, {'type': 'SGD', 'lr': 0.0}, precision=precision)
    torch.manual_seed(3)
    return model.train().train_step(data, wrapper), [p.grad for p in model.parameters()]


@pytest.mark.slow
def test_compiled_encoders_give_the_same_step():
    plain = built()
    compiled = copy.deepcopy(plain)
    compile_encoders(compiled, True, device=torch.device('cpu'), backend='aot_eager')
    (logged, gradients), (expected, plain_gradients) = step(compiled), step(plain)
    for name, value in expected.items():
        torch.testing.assert_close(logged[name], value, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_bf16_descends_the_same_objective():
    (logged, gradients), (expected, _) = step(built(), 'bf16'), step(built())
    for name in LOSSES:
        torch.testing.assert_close(logged[name], expected[name], rtol=5e-2, atol=0)
    assert all(gradient.isfinite().all() for gradient in gradients)

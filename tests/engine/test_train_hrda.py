"""HRDA in whole runs: stopped and resumed, accumulated, in two processes, in bf16, with compiled encoders."""

import copy
import signal

import pytest
import torch

from mmseg.engine.acceleration import compile_encoders
from mmseg.engine.optim import StudentOptimWrapper
from mmseg.engine.stop import Interrupted
from mmseg.engine.train import build_model, train
from tests.engine.pair import run_pair, train_in_turn
from tests.engine.test_train import lines
from tests.engine.test_train_uda import SEGMENTOR, UDA
from tests.engine.tiny import SIZE, TinyImages, tiny_config

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
    assert run_pair(train_in_turn, [(cfg, {})], tmp_path / 'answers') == 0
    made = [torch.load(tmp_path / 'pair' / f'recorded_{rank}.pt', weights_only=True) for rank in (0, 1)]
    parameters = [name for name, _ in build_model(cfg).named_parameters()]
    assert all(torch.equal(made[0]['state'][name], made[1]['state'][name]) for name in parameters)
    assert made[0]['losses'] != made[1]['losses']


@pytest.fixture
def step():
    """One step of a model on noise: what it logs, and the gradients of the student."""

    def run(model, precision='fp32'):
        model.steps = 1  # the teacher keeps most of itself
        samples = [TinyImages().sample(i, 0) for i in range(2)]
        data = {
            key: [s[key] for s in samples] if key.endswith('metas') else torch.stack([s[key] for s in samples])
            for key in samples[0]
        }
        wrapper = StudentOptimWrapper(torch.optim.SGD(model.model.parameters(), lr=0.0), precision=precision)
        torch.manual_seed(3)
        return model.train().train_step(data, wrapper), [p.grad for p in model.model.parameters()]

    return run


def built(**options):
    torch.manual_seed(0)
    model = build_model(hrda_config('unused', uda__debug_img_interval=1, **options))
    model.init_weights()
    return model


@pytest.mark.slow
def test_compiled_encoders_give_the_same_step(step):
    plain = built()
    for module in plain.modules():  # dropped paths would be others
        if hasattr(module, 'drop_prob'):
            module.drop_prob = 0.0
    compiled = copy.deepcopy(plain)
    compile_encoders(compiled, True, device=torch.device('cpu'), backend='aot_eager')
    (logged, gradients), (expected, plain_gradients) = step(compiled), step(plain)
    for name, value in expected.items():
        torch.testing.assert_close(logged[name], value, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_bf16_descends_the_same_objective(step):
    (logged, gradients), (expected, _) = step(built(), 'bf16'), step(built())
    for name in [name for name in expected if 'loss_seg' in name]:
        torch.testing.assert_close(logged[name], expected[name], rtol=5e-2, atol=0)
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_debug_figures_show_the_detail_crop_and_the_attention_in_it(step):
    model = built()
    step(model, 'fp32')
    model.steps = 0
    step(model)
    shown = model.last_step.extra
    for part in ('source', 'mixed'):
        crop, attention = shown[f'{part} detail crop'], shown[f'{part} detail attention']
        assert crop.shape == attention.shape == (2, 1, SIZE, SIZE)
        assert crop.sum() == 2 * (SIZE // 2) ** 2
        assert not attention[crop == 0].any()
        assert ((attention[crop == 1] > 0) & (attention[crop == 1] < 1)).all()

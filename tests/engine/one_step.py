"""What every method is asked: one step with compiled encoders, in half precision, and a run of two processes."""

import copy
from pathlib import Path

import torch

from mmseg.engine.acceleration import compile_encoders
from mmseg.engine.optim import build_optim_wrapper
from mmseg.engine.train import build_model
from tests.engine.pair import run_pair, train_in_turn
from tests.engine.tiny import TinyImages


def built(cfg):
    """The method of a config, with the weights of seed 0 and no dropped paths."""
    torch.manual_seed(0)
    model = build_model(cfg)
    model.init_weights()
    for module in model.modules():
        if hasattr(module, 'drop_prob'):
            module.drop_prob = 0.0
    return model


def step(model, precision='fp32', *, steps=1):
    """What the step logs, and the gradients of all that learns; after step 0 the teacher keeps most of itself."""
    model.steps = steps
    samples = [TinyImages().sample(i, 0) for i in range(2)]
    data = {
        key: [s[key] for s in samples] if key.endswith('metas') else torch.stack([s[key] for s in samples])
        for key in samples[0]
    }
    wrapper = build_optim_wrapper(model, {'type': 'SGD', 'lr': 0.0}, precision=precision)
    torch.manual_seed(3)
    return model.train().train_step(data, wrapper), [p.grad for p in model.parameters() if p.requires_grad]


def assert_compiling_changes_nothing(plain):
    compiled = copy.deepcopy(plain)
    compile_encoders(compiled, True, device=torch.device('cpu'), backend='aot_eager')
    (logged, gradients), (expected, plain_gradients) = step(compiled), step(plain)
    for name, value in expected.items():
        torch.testing.assert_close(logged[name], value, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def assert_bf16_changes_little(cfg, names):
    """The losses of these names agree, and all gradients are numbers."""
    # In bf16 oneDNN leaves the gradient of a strided convolution's tap that no pixel meets as it lay in memory (torch
    # 2.14, AVX-512, maps of one pixel): such small maps are in these tests alone, which therefore do without it.
    with torch.backends.mkldnn.flags(enabled=False):
        logged, gradients = step(built(cfg), 'bf16')
    expected, _ = step(built(cfg))
    for name in names:
        torch.testing.assert_close(logged[name], expected[name], rtol=5e-2, atol=0)
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


def assert_two_processes_keep_the_same_networks(cfg):
    """``cfg`` records what happens; the processes see different images, and all parameters stay equal."""
    folder = Path(cfg.work_dir)
    assert run_pair(train_in_turn, [(cfg, {})], folder.with_name('answers')) == 0
    made = [torch.load(folder / f'recorded_{rank}.pt', weights_only=True) for rank in (0, 1)]
    parameters = [name for name, _ in build_model(cfg).named_parameters()]
    assert all(torch.equal(made[0]['state'][name], made[1]['state'][name]) for name in parameters)
    assert made[0]['losses'] != made[1]['losses']

"""Compiled encoders compute what they did before, to 1e-4; switches say what they are."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmseg.arithmetic import set_tf32
from mmseg.compiled import begin_step, without_compiling
from mmseg.engine import acceleration
from mmseg.engine.acceleration import compile_encoders, encoders
from mmseg.engine.optim import StudentOptimWrapper
from mmseg.engine.train import build_runner
from mmseg.errors import InputError
from tests.engine.tiny import tiny_config
from tests.models.networks import daformer_head, tiny_backbone, tiny_segmentor
from tests.models.uda.tiny import NUM_CLASSES, batch, dacs, segmentor, with_feature_distance

CPU = torch.device('cpu')
ROOT = Path(__file__).parents[2]


def run_alone(code: str) -> None:
    """Run ``code`` in a process of its own."""
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = subprocess.run([sys.executable, '-c', code], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def step(model, device='cpu', precision='fp32'):
    """Logged values and gradients of one step that moves nothing."""
    model.steps = 1  # the teacher keeps most of itself
    wrapper = StudentOptimWrapper(torch.optim.SGD(model.model.parameters(), lr=0.0), precision=precision)
    torch.manual_seed(3)
    data = {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in batch().items()}
    return model.train_step(data, wrapper), [parameter.grad for parameter in model.model.parameters()]


def test_all_three_encoders_are_compiled_and_give_the_same_step():
    plain = dacs(**with_feature_distance())
    compiled = copy.deepcopy(plain)
    names = set(plain.state_dict())
    compile_encoders(compiled, True, device=CPU, backend='aot_eager')
    assert len(list(encoders(compiled))) == 3
    assert all(encoder._compiled_call_impl is not None for encoder in encoders(compiled))
    assert set(compiled.state_dict()) == names
    (logged, gradients), (expected, plain_gradients) = step(compiled), step(plain)
    for name, value in expected.items():
        torch.testing.assert_close(logged[name], value, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_plain_segmentor_has_one_encoder():
    model = dacs().model
    assert list(encoders(model)) == [model.backbone]


def test_compilation_without_a_compiler_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(acceleration, 'find_compiler', lambda: None)
    with pytest.raises(InputError, match=r'compile=True needs a C\+\+ compiler'):
        compile_encoders(dacs(), True, device=CPU)
    compile_encoders(dacs(), False, device=CPU)


def test_an_unknown_way_to_compile_is_refused():
    with pytest.raises(InputError, match="compile='fast' is not one of False, True, 'reduce-overhead'"):
        compile_encoders(dacs(), 'fast', device=CPU)


def test_replayed_graphs_do_not_go_with_accumulation(tmp_path):
    with pytest.raises(InputError, match='accumulate=2 use compile=True'):
        build_runner(tiny_config(tmp_path / 'run', compile='reduce-overhead', accumulate=2))


def test_tf32_is_switched_in_products_and_convolutions_alike():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        for allowed in (True, False):
            set_tf32(allowed)
            assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is allowed
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.mark.gpu
@pytest.mark.parametrize('precision', ['fp32', 'bf16', 'fp16'])
@pytest.mark.parametrize('fuse', [False, True])
def test_a_step_on_a_gpu_never_waits_for_it(precision, fuse):
    model = dacs(
        **with_feature_distance(fuse_forward=fuse, debug_img_interval=1000, color_jitter_probability=0.0)
    ).cuda()
    wrapper = StudentOptimWrapper(
        torch.optim.AdamW(model.model.parameters(), fused=True), precision=precision, clip_grad={'max_norm': 1.0}
    )
    data = {key: value.cuda() if isinstance(value, torch.Tensor) else value for key, value in batch().items()}
    model.train_step(data, wrapper)  # what is set up once may wait
    torch.cuda.set_sync_debug_mode('error')
    try:
        for _ in range(4):
            model.train_step(data, wrapper)
    finally:
        torch.cuda.set_sync_debug_mode('default')


@pytest.mark.gpu
@pytest.mark.parametrize('fuse', [False, True])
@pytest.mark.parametrize('setting', [True, 'reduce-overhead'])
def test_compiled_encoders_on_a_gpu_give_the_same_step(setting, fuse):
    set_tf32(False)  # whose rounding is another one in another layout
    plain = dacs(**with_feature_distance(fuse_forward=fuse)).cuda()
    compiled = copy.deepcopy(plain)
    compile_encoders(compiled, setting, device=torch.device('cuda'))
    for _ in range(3):  # graphs are recorded in the second call, replayed from the third on
        begin_step()
        (logged, gradients), (expected, plain_gradients) = step(compiled, 'cuda'), step(plain, 'cuda')
        for name, value in expected.items():
            torch.testing.assert_close(logged[name], value, rtol=1e-3, atol=1e-4)
        for ours, theirs in zip(gradients, plain_gradients, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.gpu
def test_auto_fuses_on_a_gpu_only_where_the_encoder_treats_each_image_alone():
    data = {'img': torch.zeros(2, 3, 32, 32, device='cuda')}
    assert dacs().cuda().settle(data) == {'fuse_forward': True}
    assert dacs(model=segmentor(batch_norm=True)).cuda().settle(data) == {'fuse_forward': False}


def test_the_first_step_is_marked_before_anything_compiled_runs():
    code = """
import torch
from mmseg.compiled import begin_step, without_compiling
from mmseg.engine import acceleration
from tests.models.uda.tiny import dacs
acceleration._check_triton = lambda setting: None
acceleration.compile_encoders(dacs(), 'reduce-overhead', device=torch.device('cuda'))
begin_step()
from torch._inductor.cudagraph_trees import MarkStepBox
assert MarkStepBox.mark_step_counter != 0
"""
    run_alone(code)


@pytest.mark.parametrize(
    ('package', 'compiler', 'said'), [(None, 'gcc', 'package triton'), ('triton', None, 'a C compiler')]
)
def test_what_a_gpu_compiles_with_is_looked_for_first(monkeypatch, package, compiler, said):
    monkeypatch.setattr(acceleration.importlib.util, 'find_spec', lambda name: package)
    monkeypatch.setattr(acceleration.shutil, 'which', lambda name: compiler)
    monkeypatch.setattr(acceleration.Path, 'is_file', lambda path: True)
    with pytest.raises(InputError, match=said):
        compile_encoders(dacs(), True, device=torch.device('cuda'))


def test_headers_of_python_are_looked_for_before_a_gpu_compiles(monkeypatch, tmp_path):
    monkeypatch.setattr(acceleration.importlib.util, 'find_spec', lambda name: 'triton')
    monkeypatch.setattr(acceleration.shutil, 'which', lambda name: 'gcc')
    monkeypatch.setattr(acceleration.sysconfig, 'get_path', lambda name: str(tmp_path))
    with pytest.raises(InputError, match=r'needs Python\.h on a GPU.*python3-dev'):
        compile_encoders(dacs(), True, device=torch.device('cuda'))


def test_nothing_of_the_compiler_is_loaded_by_a_run_without_it(tmp_path):
    code = f"""
import sys
from mmseg.engine.train import train
from tests.engine.tiny import tiny_config
train(tiny_config({str(tmp_path)!r}, runner__max_iters=1))
assert 'torch._inductor.cudagraph_trees' not in sys.modules
"""
    run_alone(code)


def test_an_evaluation_makes_no_new_graphs_for_other_sizes_of_images():
    made = []

    def backend(graph, inputs):
        made.append(inputs[0].shape)
        return graph

    model = dacs()
    compile_encoders(model, True, device=CPU, backend=backend)
    model.eval()
    expected = copy.deepcopy(model.model)
    with torch.no_grad():
        for size in (32, 48):
            image = torch.randn(1, 3, size, size)
            with without_compiling():
                found = model.simple_test(image, {'ori_shape': (size, size)})
            assert torch.equal(found, expected.simple_test(image, {'ori_shape': (size, size)}))
        assert made == []
        model.simple_test(image, {'ori_shape': (48, 48)})
        assert len(made) == 1


@pytest.mark.parametrize(('fuse', 'precision'), [(False, 'fp32'), (True, 'fp32'), (True, 'bf16')])
def test_three_steps_of_compiled_encoders_break_no_graph_and_make_none_anew(fuse, precision):
    from torch._dynamo.utils import counters

    made, after = [], []

    def backend(graph, inputs):
        made.append(graph)
        return graph

    network = tiny_segmentor(
        backbone=tiny_backbone(drop_path_rate=0.2), decode_head=daformer_head(num_classes=NUM_CLASSES)
    )
    model = dacs(**with_feature_distance(fuse_forward=fuse), model=network)
    compile_encoders(model, True, device=CPU, backend=backend)
    counters.clear()
    wrapper = StudentOptimWrapper(torch.optim.SGD(model.model.parameters(), lr=0.01), precision=precision)
    for seed in range(3):
        model.train_step(batch(seed, size=64), wrapper)
        after.append(len(made))
    assert after == [3, 3, 3]  # student, teacher, feature distance
    assert not counters['graph_break']

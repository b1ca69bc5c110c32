"""Runs on a GPU: `pytest -m gpu`. None of them has run yet: they were written where no GPU is."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from mmseg.arithmetic import set_tf32
from mmseg.compiled import begin_step
from mmseg.engine.acceleration import compile_encoders
from mmseg.engine.layout import lay_out_weights
from mmseg.engine.optim import StudentOptimWrapper, build_optim_wrapper
from mmseg.engine.train import train
from mmseg.engine.work_dir import set_work_dir
from mmseg.models.layers import DropPath
from mmseg.models.layers.drop import draw_paths
from mmseg.registry import MODELS
from tests.engine.test_layout import OPTIMIZER, moved, segmentor
from tests.engine.test_train_uda import SEGMENTOR, UDA
from tests.engine.tiny import tiny_config
from tests.models.backbones.test_every_backbone import BACKBONES, PYRAMID, heads
from tests.models.uda import plus
from tests.models.uda.tiny import batch, dacs, with_feature_distance

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def own_switches() -> Iterator[None]:
    """Products and convolutions in full precision; what a run switches for its process is put back."""
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    deterministic, of_cudnn = torch.are_deterministic_algorithms_enabled(), (cudnn.deterministic, cudnn.benchmark)
    attention = cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.cudnn_sdp_enabled()
    set_tf32(False)
    yield
    set_tf32(False)
    torch.use_deterministic_algorithms(deterministic)
    cudnn.deterministic, cudnn.benchmark = of_cudnn
    for switch, value in zip(
        (cuda.enable_flash_sdp, cuda.enable_mem_efficient_sdp, cuda.enable_cudnn_sdp), attention, strict=True
    ):
        switch(value)


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / 'latest.pth', weights_only=True, map_location='cpu')['state_dict']


def config(work_dir: Path, **options):
    return tiny_config(work_dir, model=SEGMENTOR, uda=UDA, evaluation__interval=6, **options)


def assert_close(run: Path, other: Path, **tolerance: float) -> None:
    ours, theirs = weights_of(run), weights_of(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], msg=name, **tolerance)


@pytest.mark.parametrize('precision', ['fp32', 'bf16', 'fp16'])
def test_a_whole_run_with_evaluation_goes_on_from_its_checkpoint(tmp_path, precision):
    straight = train(config(tmp_path / 'straight', precision=precision, deterministic=True))
    cut = config(tmp_path / 'cut', precision=precision, deterministic=True)
    short = copy.deepcopy(cut)
    short.custom_hooks = [{'type': 'FailAt', 'iteration': 8}]
    short.checkpoint_config = {'interval': 6}
    with pytest.raises(ZeroDivisionError):
        train(short)
    resumed = train(cut, resume=tmp_path / 'cut' / 'latest.pth')
    assert_close(resumed, straight, rtol=0.0, atol=0.0)


def test_a_deterministic_run_gives_the_same_bits_twice(tmp_path):
    runs = [train(config(tmp_path / name, deterministic=True)) for name in ('first', 'second')]
    assert_close(*runs, rtol=0.0, atol=0.0)


@pytest.mark.parametrize('first', [0, 1])
def test_a_checkpoint_of_a_cpu_goes_on_on_a_gpu_and_the_other_way_round(tmp_path, first):
    begun = config(tmp_path / 'run', n_gpus=first, checkpoint_config={'interval': 6})
    begun.custom_hooks = [{'type': 'FailAt', 'iteration': 8}]
    with pytest.raises(ZeroDivisionError):
        train(begun)
    resumed = config(tmp_path / 'run', n_gpus=1 - first)
    set_work_dir(resumed, tmp_path / 'run')
    weights = weights_of(train(resumed, resume=tmp_path / 'run' / 'latest.pth'))
    assert all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point())


def test_a_state_of_a_cpu_goes_on_on_a_gpu_whose_weights_lie_otherwise():
    one, other = segmentor('mit_b0'), segmentor('mit_b0').cuda()
    lay_out_weights(other)
    optimizer, resumed = build_optim_wrapper(one, OPTIMIZER), build_optim_wrapper(other, OPTIMIZER)
    moved(one, optimizer, 1)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    moved(one, optimizer, 2)
    moved(other, resumed, 2)
    for name, value in other.state_dict().items():
        torch.testing.assert_close(value.cpu(), one.state_dict()[name], rtol=1e-2, atol=3e-3, msg=name)


def test_a_half_branch_is_added_on_a_gpu_under_autocast_as_on_a_cpu_without():
    torch.manual_seed(0)
    layer = DropPath(0.4).train()
    x, branch, gradient = torch.randn(8, 5), torch.randn(8, 5).bfloat16(), torch.randn(8, 5)
    found = []
    drawn = draw_paths([nn.ModuleDict({'drop_path': layer})], x)
    for device in ('cpu', 'cuda'):
        drawn._factors = {dtype: value.to(device) for dtype, value in drawn._factors.items()}
        leaf = branch.to(device).requires_grad_()
        with torch.autocast(device, torch.bfloat16, enabled=device == 'cuda'):
            out = layer.add(x.to(device), leaf, drawn, 1)
        out.backward(gradient.to(device))
        found.append((out.detach().cpu(), leaf.grad.cpu()))
    (out, grad), (on_gpu_out, on_gpu_grad) = found
    torch.testing.assert_close(on_gpu_out, out)
    assert torch.equal(on_gpu_grad, grad)


@pytest.mark.parametrize('fuse', [False, True])
def test_no_graph_is_skipped_and_steps_stay_finite_under_replay(fuse):
    from torch._dynamo.utils import counters

    model = dacs(**with_feature_distance(fuse_forward=fuse)).cuda()
    compile_encoders(model, 'reduce-overhead', device=torch.device('cuda'))
    wrapper = StudentOptimWrapper(torch.optim.AdamW(model.model.parameters(), fused=True))
    counters.clear()
    for seed in range(6):
        begin_step()
        logged = model.train_step(on_gpu(batch(seed)), wrapper)
    assert torch.isfinite(logged['loss'])
    assert counters['inductor']['cudagraph_skips'] == 0


def network_of(kind: str) -> nn.Module:
    """The encoder of that name under a head that takes all stages."""
    settings, channels = BACKBONES[kind]
    head = {'type': 'UPerHead', 'num_classes': 5, 'norm_cfg': {'type': 'BN'}, **heads(channels)['UPerHead']}
    neck = {'neck': PYRAMID} if kind == 'BEiT' else {}
    torch.manual_seed(0)
    model = MODELS.build(
        {'type': 'EncoderDecoder', 'backbone': {'type': kind, **settings}, 'decode_head': head, **neck}
    )
    model.init_weights()
    return model


@pytest.mark.parametrize('kind', ['SwinTransformer', 'BEiT', 'ConvNeXt'])
def test_an_encoder_gives_on_a_gpu_what_it_gives_on_a_cpu(kind):
    model = network_of(kind).eval()
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = model.encode_decode(image)
        found = model.cuda().encode_decode(image.cuda()).cpu()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('kind', ['SwinTransformer', 'BEiT', 'ConvNeXt'])
def test_gradients_of_an_encoder_on_a_gpu_are_those_on_a_cpu(kind):
    model = network_of(kind).eval()  # without chance
    other = copy.deepcopy(model).cuda()
    lay_out_weights(other)
    image, label = torch.randn(2, 3, 64, 64), torch.randint(5, (2, 1, 64, 64))
    model.parse_losses(model.forward_train(image, label))[0].backward()
    other.parse_losses(other.forward_train(image.cuda(), label.cuda()))[0].backward()
    for (name, ours), theirs in zip(other.named_parameters(), model.parameters(), strict=True):
        if theirs.grad is not None:
            scale = theirs.grad.abs().max().item()
            torch.testing.assert_close(ours.grad.cpu(), theirs.grad, rtol=1e-2, atol=1e-3 * scale + 1e-6, msg=name)


def test_the_queue_of_the_discrepancy_fills_on_a_gpu_and_its_term_stays_finite():
    model = plus.build(mmd={'weight': 0.1, 'queue': 6}).cuda()
    wrapper = StudentOptimWrapper(torch.optim.AdamW(model.model.parameters(), fused=True), precision='bf16')
    for seed in range(4):
        logged = model.train_step(on_gpu(plus.full_batch(seed)), wrapper)
    assert all(torch.isfinite(value) for value in logged.values())


def test_a_step_launches_no_more_than_was_counted_without_a_gpu():
    from torch.profiler import ProfilerActivity, profile

    from mmseg.benchmark._training import drawn_batch
    from tests.gpu_without_gpu.cases import final_network
    from tests.gpu_without_gpu.test_gpu_path import BUDGET

    model: nn.Module = final_network(fuse=True).to_empty(device='cuda')
    model.init_weights()
    wrapper = StudentOptimWrapper(torch.optim.AdamW(model.model.parameters(), fused=True))
    data = drawn_batch(512, 2, torch.device('cuda'))
    for _ in range(2):
        model.train_step(data, wrapper)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as measured:
        model.train_step(data, wrapper)
    launches = sum(event.count for event in measured.key_averages() if 'LaunchKernel' in event.key)
    assert launches <= 1.1 * BUDGET['fp32', 'fuse']['launches']


def on_gpu(data: dict) -> dict:
    return {key: value.cuda() if isinstance(value, torch.Tensor) else value for key, value in data.items()}

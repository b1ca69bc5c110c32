"""What the tests start in a process of its own: prints a JSON object by name of what was asked for.

Started without the shim, it builds one and starts itself with it.

python -m tests.gpu_without_gpu.run steps small 0 2      # half of the small cases
python -m tests.gpu_without_gpu.run final bf16 fuse 2    # the final config, batch 2
python -m tests.gpu_without_gpu.run compiled bf16 fuse 2 # the same with compile=True, and with 'reduce-overhead'
python -m tests.gpu_without_gpu.run around               # evaluation, demo, resume
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._pytree import tree_map

from mmseg.apis import inference_segmentor
from mmseg.arithmetic import DTYPES
from mmseg.benchmark._training import NORM
from mmseg.benchmark.settings import FINAL
from mmseg.config.load import load_config
from mmseg.datasets.batch import to_network
from mmseg.engine import acceleration
from mmseg.engine.chance import seed_everything
from mmseg.engine.loop import to_device
from mmseg.engine.optim import build_optim_wrapper
from mmseg.evaluation.evaluate import predict_batch
from mmseg.evaluation.metrics import ConfusionMatrix
from mmseg.models.layers.box import Box
from mmseg.models.segmentors.encoder_decoder import TestSettings
from tests.gpu_without_gpu import cases
from tests.gpu_without_gpu.compiled import launches_of
from tests.gpu_without_gpu.fake_cuda import CUDA, attention, fake_gpu, to_fake_gpu
from tests.gpu_without_gpu.record import Record
from tests.gpu_without_gpu.shim import SHIM, build_shim, run

STAGES = 4
OPTIMIZER = {'type': 'AdamW', 'lr': 6e-5, 'weight_decay': 0.01}


def images_of(batch: int, side: int) -> dict[str, Any]:
    """A batch as the loader gives it, with all that some method asks for."""

    def bytes_of(channels: int) -> Tensor:
        return torch.empty(batch, channels, side, side, dtype=torch.uint8)

    metas = [{'img_norm_cfg': NORM, 'content': (side, side), 'filename': 'x'}] * batch
    colours = {name: bytes_of(3) for name in ('img', 'target_img', 'template_img', 'paste_img')}
    labels = {name: bytes_of(1) for name in ('gt_semantic_seg', 'template_gt_semantic_seg', 'paste_label')}
    return {**colours, **labels, **{f'{prefix}img_metas': metas for prefix in ('', 'target_', 'template_', 'paste_')}}


def step(model: Any, optimizer: Any, images: dict[str, Any]) -> dict[str, Tensor]:
    return model.train_step(to_network(to_device(images, CUDA)), optimizer)


def small_step(case: cases.Case, mode: FakeTensorMode) -> dict[str, Any]:
    """What two steps of a case wait for, and where its results are."""
    model = to_fake_gpu(case.build(), mode)
    clip = {'grad_clip': {'max_norm': 1.0}} if case.clip else None
    optimizer = build_optim_wrapper(
        model, OPTIMIZER, optimizer_config=clip, precision=case.precision, accumulate=case.accumulate
    )
    if case.hrda:  # where the detail crop lies is chance of the host, which fake tensors have none of
        model.draw_view = lambda batch, part: Box(0, cases.SIDE // 2, 0, cases.SIDE // 2)
    attention.clear()
    with mode:
        to_network(to_device(images_of(1, 8), CUDA))  # makes the table of normalised values, once in a run
    with mode, Record() as record:
        for iteration in range(case.accumulate):
            seed_everything(0, iteration, 0)
            logged = step(model, optimizer, images_of(2, cases.SIDE))
    kept = getattr(model, 'last_step', None)
    return {
        'waits': dict(record.waits),
        'math attention': attention['math'],
        'elsewhere': [name for name, value in logged.items() if not value.is_cuda],
        'types': sorted({str(value.dtype) for value in logged.values()}),
        'record': None if kept is None else (kept.source_img if kept.mixed_img is None else kept.mixed_img).device.type,
    }


def steps(which: str, start: str, stride: str) -> dict[str, Any]:
    chosen = {'small': cases.small_cases, 'all': cases.all_cases}[which]()[int(start) :: int(stride)]
    return in_turn({case.name: lambda mode, case=case: small_step(case, mode) for case in chosen})


def in_turn(checks: dict[str, Callable[[FakeTensorMode], Any]]) -> dict[str, Any]:
    """What each of ``checks`` gives, or its error: the others go on."""
    found: dict[str, Any] = {}
    for name, check in checks.items():
        with fake_gpu() as mode:
            try:
                found[name] = check(mode)
            except Exception as error:
                found[name] = {'error': f'{type(error).__name__}: {error}'[:400]}
    return found


def final(precision: str, fuse: str, batch: str, encoders: str = 'eager') -> dict[str, Any]:
    """A step of the final config after a first one, which makes the optimizer's state.

    With ``encoders`` 'opaque' they launch nothing: what is left of a step where they are compiled.
    """
    with fake_gpu() as mode:
        model = to_fake_gpu(cases.final_network(fuse=fuse == 'fuse'), mode)
        model.steps = 1000  # the teacher is warmed up
        for encoder in acceleration.encoders(model) if encoders == 'opaque' else ():
            encoder._compiled_call_impl = partial(Opaque.of, encoder)
        record = Record()
        for tensor in (*model.parameters(), *model.buffers()):
            record.hold(tensor)
        optimizer = build_optim_wrapper(model, load_config(FINAL).optimizer, precision=precision)
        with mode, record:
            every = images_of(int(batch), 512)
            images = {key: every[key] for key in every if not key.startswith(('template_', 'paste_'))}  # others' fields
            for _ in range(2):
                record.clear()
                torch.manual_seed(0)  # both jitter and blur
                step(model, optimizer, images)
    assert {'reflection_pad2d', 'remainder'} <= record.operations.keys(), 'no jitter, or no blur'
    return {**record.result(), 'math attention': attention['math'], 'torch': torch.__version__}


def compiled(precision: str, fuse: str, batch: str) -> dict[str, Any]:
    """Launches of a step of the final config with ``compile=True``, and with 'reduce-overhead'.

    That replays each call of an encoder, and its way back, in one launch, once what it is given has been copied.
    """
    rest, images = final(precision, fuse, batch, 'opaque')['launches'], int(batch)
    dtype, fused = DTYPES[precision], fuse == 'fuse'
    found = {}
    for name, count in (('learns', 2 * images if fused else images), ('does not learn', images)):
        with fake_gpu() as mode:
            learns = name == 'learns'
            encoder = cases.final_network(fuse=fused).model.backbone.requires_grad_(learns).train(learns)
            encoder = to_fake_gpu(encoder, mode)
            with mode, torch.autocast('cuda', dtype, enabled=dtype is not torch.float32):
                found[name] = launches_of(encoder, torch.empty(count, 3, 512, 512, device=CUDA), mode)
    calls = 1 if fused else 2  # of the student; teacher and ImageNet network are called once each
    kernels = calls * sum(found['learns'].values()) + 2 * found['does not learn']['forward']
    given = calls * (1 + STAGES) + 2
    return {'rest': rest, **found, 'compiled': rest + kernels, 'replayed': rest + given + 2 * calls + 2}


class Opaque(torch.autograd.Function):
    """An encoder of MiT's maps of which nothing is seen: neither its launches nor what it keeps."""

    @staticmethod
    def of(encoder: Any, img: Tensor) -> list[Tensor]:
        return list(Opaque.apply(encoder.embed_dims, img, *encoder.parameters()))

    @staticmethod
    def forward(ctx: Any, channels: Sequence[int], img: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*parameters)
        sides = [img.shape[2] // 2**stage for stage in range(2, 2 + STAGES)]
        last = torch.channels_last
        return tuple(
            torch.empty(len(img), count, side, side, device=CUDA, memory_format=last)
            for count, side in zip(channels, sides, strict=True)
        )

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *map(torch.empty_like, ctx.saved_tensors))


def around() -> dict[str, Any]:
    """Evaluation, the demo and resume."""
    case = cases.Case()

    def evaluated(dtype: torch.dtype | None, views: list[tuple[int, int, bool]], slide: bool) -> Callable:
        return lambda mode: evaluate(to_fake_gpu(case.build(), mode).eval(), mode, dtype, views, slide)

    plain, flipped = [(64, 128, False)], [(64, 128, False), (96, 192, True)]
    halves = (None, torch.bfloat16, torch.float16)
    checks = {f'evaluation in {dtype}': evaluated(dtype, plain, False) for dtype in halves}
    checks['several views'] = evaluated(torch.bfloat16, flipped, False)
    checks['sliding'] = evaluated(torch.bfloat16, plain, True)
    checks['demo'] = demonstrated
    checks['resume'] = resumed
    return in_turn(checks)


def evaluate(
    model: Any, mode: FakeTensorMode, dtype: torch.dtype | None, views: list[tuple[int, int, bool]], slide: bool
) -> dict[str, Any]:
    """What the prediction and the count of a batch of two images wait for."""
    if slide:
        model.model.test_cfg = TestSettings(mode='slide', crop_size=(64, 64), stride=(48, 48))
    with mode:
        to_network(to_device(images_of(1, 8), CUDA))
        confusion = ConfusionMatrix(cases.CLASSES, 255, CUDA)
    with mode, torch.no_grad(), Record() as record:
        given = [
            (
                torch.empty(2, 3, height, width, dtype=torch.uint8),
                [{'img_norm_cfg': NORM, 'content': (height, width), 'ori_shape': (130, 260, 3), 'flip': flip}] * 2,
            )
            for height, width, flip in views
        ]
        batch = {'img': [img for img, _ in given], 'img_metas': [metas for _, metas in given]}
        found = list(predict_batch(model, batch, CUDA, dtype))
        for label_map in found:
            confusion.update(label_map, torch.empty(130, 260, dtype=torch.uint8, device=CUDA))
    return {'waits': dict(record.waits), 'shapes': [list(x.shape) for x in found], 'elsewhere': not found[0].is_cuda}


def demonstrated(mode: FakeTensorMode) -> dict[str, Any]:
    """What the demo waits for: its answer, which the host needs."""
    model: Any = to_fake_gpu(cases.Case().build(), mode).eval()
    model.cfg = load_config(FINAL)
    answer = patch.object(FakeTensor, 'numpy', lambda x: np.zeros(x.shape), create=True)
    with answer, mode, Record() as record:
        (label_map,) = inference_segmentor(model, np.zeros((130, 260, 3), np.uint8))
    return {'waits': dict(record.waits), 'shape': list(label_map.shape)}


def as_read(value: Tensor) -> Tensor:
    """On the host; the number of steps has its value there, which is looked at."""
    return value.cpu() if value.dim() else torch.tensor(1.0)


def resumed(mode: FakeTensorMode) -> dict[str, Any]:
    """A state as it is read, on the CPU, goes on on the GPU."""
    model = to_fake_gpu(cases.Case().build(), mode)
    with mode:
        optimizer = build_optim_wrapper(model, OPTIMIZER, precision='bf16')
        step(model, optimizer, images_of(2, cases.SIDE))
        state = tree_map(lambda x: as_read(x) if isinstance(x, Tensor) else x, optimizer.state_dict())
        weights = {name: value.cpu() for name, value in model.state_dict().items()}
        other = build_optim_wrapper(model, OPTIMIZER, precision='bf16')
        other.load_state_dict(state)
    weights['iteration'] = torch.tensor(7)
    model.load_state_dict(weights)
    with mode:
        step(model, other, images_of(2, cases.SIDE))
    devices = {str(x.device) for values in other.optimizer.state.values() for x in values.values()}
    return {'waits': {}, 'steps': model.steps, 'devices': sorted(devices)}


def main(command: str, *arguments: str) -> dict[str, Any]:
    if SHIM in os.environ.get('LD_PRELOAD', ''):
        return {'steps': steps, 'final': final, 'compiled': compiled, 'around': around}[command](*arguments)
    with tempfile.TemporaryDirectory() as folder:
        return run(build_shim(Path(folder)), command, *arguments)


if __name__ == '__main__':
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201 (the tests read it)

"""The devices: on each one kernels are really launched, and what they compute is compared."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmseg.doctor.findings import FAIL, NOTE, OK, Finding
from mmseg.engine.provenance import processor

GIB = 2**30
#: largest error of a product of 64 numbers of size 1, relative to its size
TOLERANCES = {torch.float32: 1e-2, torch.bfloat16: 5e-2, torch.float16: 1e-2}  # fp32: a GPU may round to TF32
ATTENTION = {'flash': SDPBackend.FLASH_ATTENTION, 'memory-efficient': SDPBackend.EFFICIENT_ATTENTION}


def processors() -> Iterator[Finding]:
    threads, capability = torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
    yield Finding('processor', OK, f'{processor()}, {threads} threads, {capability}')


def driver() -> Iterator[Finding]:
    """Whether torch finds the GPUs that are there."""
    count, built = torch.cuda.device_count(), torch.version.cuda
    if count:
        yield Finding('GPUs', OK, f'{count}, CUDA {built}')
    elif built is None:
        yield Finding('GPUs', NOTE, 'this torch is built for the CPU', 'For a GPU: its CUDA build, pytorch.org.')
    else:
        yield Finding(
            'GPUs', NOTE, f'none that torch (CUDA {built}) can use', 'Is there one? See what nvidia-smi says.'
        )


def kernels() -> Iterator[Finding]:
    """A product, a convolution and attention on every device in every precision."""
    for device in _devices():
        for dtype, tolerance in TOLERANCES.items():
            name = f'{device}, {str(dtype).removeprefix("torch.")}'
            try:
                error = _error(device, dtype)
            except RuntimeError as failed:
                state = FAIL if dtype == torch.float32 else NOTE
                yield Finding(name, state, str(failed).splitlines()[0])
                continue
            told = f'products and convolutions compute, error {error:.0e}'
            yield Finding(name, OK if error <= tolerance else FAIL, told)
        if device.type == 'cuda':
            yield _attention(device)
            yield _memory(device)


def _devices() -> list[torch.device]:
    return [torch.device('cpu'), *(torch.device('cuda', index) for index in range(torch.cuda.device_count()))]


def _error(device: torch.device, dtype: torch.dtype) -> float:
    """Largest error of a product and a convolution against float64 on the CPU, relative to the largest value."""
    draw = torch.Generator().manual_seed(0)
    left, right = (torch.randn(64, 64, generator=draw, dtype=torch.float64) for _ in range(2))
    image = torch.randn(1, 8, 16, 16, generator=draw, dtype=torch.float64)
    weight = torch.randn(8, 8, 3, 3, generator=draw, dtype=torch.float64)
    pairs: list[tuple[Tensor, Tensor]] = [
        (left @ right, left.to(device, dtype) @ right.to(device, dtype)),
        (functional.conv2d(image, weight), functional.conv2d(image.to(device, dtype), weight.to(device, dtype))),
    ]
    return max(float((wanted - got.cpu().double()).abs().max() / wanted.abs().max()) for wanted, got in pairs)


def _attention(device: torch.device) -> Finding:
    """Which fused kernels of attention run; without one attention takes memory in the square of the image."""
    works = []
    query = torch.randn(1, 2, 64, 64, device=device, dtype=torch.float16)
    for name, backend in ATTENTION.items():
        try:
            with sdpa_kernel(backend):
                functional.scaled_dot_product_attention(query, query, query)
        except RuntimeError:
            continue
        works.append(name)
    told = f'fused attention: {", ".join(works) or "none"}'
    return Finding(str(device), OK if works else NOTE, told)


def _memory(device: torch.device) -> Finding:
    free, total = torch.cuda.mem_get_info(device)
    told = f'{torch.cuda.get_device_name(device)}, {free / GIB:.1f} of {total / GIB:.1f} GiB free'
    enough = free >= 8 * GIB
    remedy = '' if enough else 'The final config takes 7 to 11 GB: accumulate=2, model.backbone.with_cp=True.'
    return Finding(str(device), OK if enough else NOTE, told, remedy)

"""The machine's own limits, measured, and clocks and memory that suit its device."""

import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.nn import functional as F

from mmseg.engine.hooks.training_log import peak_memory

__all__ = ['clock', 'copy_bandwidth', 'machine', 'matrix_peak', 'peak_memory', 'seconds']


def clock(device: torch.device) -> float:
    """Seconds: of the wall once a GPU is done; of this process's CPU otherwise, which other load disturbs less."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def seconds(call: Callable[[], Any], device: torch.device, *, repeats: int = 7, inner: int = 1) -> float:
    """Median seconds of ``call`` after one call to warm up."""
    call()
    times = []
    for _ in range(repeats):
        start = clock(device)
        for _ in range(inner):
            call()
        times.append((clock(device) - start) / inner)
    return median(times)


def copy_bandwidth(device: torch.device, megabytes: int = 256) -> float:
    """Bytes read and written a second by a plain copy within the device's memory."""
    source = torch.ones(megabytes * 2**18, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds(lambda: target.copy_(source), device, inner=10 if device.type == 'cuda' else 1)


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second: the best of a large product and of a 3x3 convolution."""
    side = 8192 if device.type == 'cuda' else 1024
    a = torch.randn(side, side, device=device, dtype=dtype)
    product = 2 * side**3 / seconds(lambda: a @ a, device)
    channels, pixels = (512, 128) if device.type == 'cuda' else (256, 32)
    x = torch.randn(4, channels, pixels, pixels, device=device, dtype=dtype).contiguous(
        memory_format=torch.channels_last
    )
    w = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype)
    convolution = 2 * 9 * x.numel() * channels / seconds(lambda: F.conv2d(x, w, padding=1), device)
    return max(product, convolution)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    gpu = torch.cuda.is_available()
    return {
        'cpu': _cpu_name(),
        'threads': torch.get_num_threads(),
        'cpu_capability': torch.backends.cpu.get_cpu_capability(),
        'gpu': torch.cuda.get_device_name() if gpu else 'none',
        'torch': torch.__version__,
        'cuda': torch.version.cuda if gpu else 'none',
        'cudnn': torch.backends.cudnn.version() if gpu else 'none',
        'python': platform.python_version(),
        'command': ' '.join(sys.argv[1:]),
    }


def _cpu_name() -> str:
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    flags = next((set(line.split()) for line in lines if line.startswith('flags')), set())
    units = [unit for unit in ('avx512f', 'avx512_bf16', 'amx_bf16') if unit in flags]
    return ' '.join([names[0] if names else platform.machine(), *units])

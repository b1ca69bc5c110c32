"""What a step spends its device's time in: kernels of three steps under torch's profiler, the longest first."""

import argparse
from typing import Any

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from mmseg.apis import device_named
from mmseg.benchmark._machine import clock
from mmseg.benchmark._training import Setting, Trainer

STEPS = 3


def run(args: argparse.Namespace) -> dict[str, Any]:
    """One row a kernel (on a CPU: an operation), by its time on the device."""
    device = device_named(args.device)
    gpu = device.type == 'cuda'
    model, size = args.model or ('mit_b5' if gpu else 'mit_b0'), args.size or (512 if gpu else 256)
    trainer = Trainer(Setting(args.setting), model=model, size=size, batch=args.batch, device=device)
    for _ in range(args.warmup):
        trainer.step()
    clock(device)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with profile(activities=activities) as measured:
        for _ in range(STEPS):
            trainer.step()
        clock(device)
    events = measured.key_averages()
    where = DeviceType.CUDA if gpu else DeviceType.CPU
    spent = {
        event.key: (event.self_device_time_total if gpu else event.self_cpu_time_total, event.count)
        for event in events
        if event.device_type == where
    }
    total = sum(microseconds for microseconds, _ in spent.values())
    rows = [
        {
            'kernel': name[:100],
            'times a step': count / STEPS,
            'ms a step': microseconds / STEPS / 1000,
            '%': 100 * microseconds / total,
        }
        for name, (microseconds, count) in sorted(spent.items(), key=lambda item: -item[1][0])[: args.longest]
    ]
    launches = sum(event.count for event in events if 'LaunchKernel' in event.key) / STEPS
    return {
        'title': f'{args.setting}, {model}, {size}x{size}, batch {args.batch}, {device.type}: '
        f'{total / STEPS / 1000:.1f} ms a step in kernels, {launches:.0f} launches',
        'rows': rows,
        'launches a step': launches,
        'ms a step': total / STEPS / 1000,
    }

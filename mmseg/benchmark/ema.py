"""The teacher's and the optimizer's update, beside the device's copy bandwidth and one pass over flat tensors."""

import argparse
from collections.abc import Callable
from typing import Any

import torch

from mmseg.apis import device_named
from mmseg.benchmark._machine import copy_bandwidth, seconds
from mmseg.benchmark._training import Setting, Trainer
from mmseg.engine.host_memory import keep_freed_memory
from mmseg.models.uda.teacher import update_ema

#: bytes moved for a parameter of 4 bytes: EMA reads teacher and student and writes the teacher; AdamW reads parameter,
#: gradient and two moments and writes all but the gradient
EMA_BYTES, ADAMW_BYTES = 12, 28


def run(args: argparse.Namespace) -> dict[str, Any]:
    """One row an update: ours, then its limit on a single flat tensor, then one tensor after the other."""
    device = device_named(args.device)
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    trainers = [Trainer(Setting(text), model=args.model, size=64, batch=1, device=device) for text in ('fast', 'plain')]
    bandwidth = copy_bandwidth(device)
    uda = trainers[0].uda
    numbers = sum(parameter.numel() for parameter in uda.model.parameters())
    flat = [torch.randn(numbers, device=device) for _ in range(2)]
    for trainer in trainers:
        for parameter in trainer.uda.model.parameters():
            parameter.grad = torch.full_like(parameter, 1e-3)
    single = torch.nn.Parameter(flat[0].clone())
    single.grad = torch.full_like(single, 1e-3)
    adamw = torch.optim.AdamW([single], fused=True)
    updates: list[tuple[str, int, Callable[[], Any]]] = [
        ('EMA', EMA_BYTES, lambda: update_ema(uda.teacher_parameters(), uda.student_parameters(), 0.999)),
        ('EMA, one flat tensor (limit)', EMA_BYTES, lambda: flat[0].lerp_(flat[1], 1e-3)),
        ('EMA, tensor by tensor', EMA_BYTES, trainers[1].uda.update_teacher),
        ('AdamW', ADAMW_BYTES, trainers[0].optimizer.step),
        ('AdamW, one flat tensor (limit)', ADAMW_BYTES, adamw.step),
        ('AdamW, tensor by tensor', ADAMW_BYTES, trainers[1].optimizer.step),
    ]
    rows = []
    for name, size, update in updates:
        took = seconds(update, device)
        rate = size * numbers / took
        rows.append(
            {'update': name, 'ms': 1000 * took, 'GB/s': rate / 1e9, '% of copy bandwidth': 100 * rate / bandwidth}
        )
    groups = len(trainers[0].optimizer.param_groups)
    tensors = sum(1 for _ in uda.model.parameters())
    what = f'{args.model}, {numbers / 1e6:.1f} M numbers in {tensors} tensors, {groups} groups'
    return {'title': f'{what}; copy {bandwidth / 1e9:.1f} GB/s', 'rows': rows, 'copy bandwidth GB/s': bandwidth / 1e9}

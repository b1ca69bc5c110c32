"""The training step of the final config: settings side by side, what its parts take, FLOPs and memory.

Settings take turns (A A B B A A B B ...; the second step of a turn is measured), so that a change of the machine's load
meets all of them alike. Times are medians; on a CPU they are CPU time of the process.
"""

import argparse
import math
from statistics import median
from typing import Any

import torch

from mmseg.apis import device_named
from mmseg.arithmetic import DTYPES, set_tf32
from mmseg.benchmark._machine import clock, matrix_peak, peak_memory
from mmseg.benchmark._training import WITHOUT, Setting, Trainer, timed_parts
from mmseg.engine.flop_count import counted_flops

#: what is compared on a GPU where nothing else is asked for
GPU_SETTINGS = ['bf16,graphs', 'bf16,compile', 'bf16', 'tf32', 'fast']


def run(args: argparse.Namespace) -> dict[str, Any]:
    """One row a setting; ``stages`` has a row for each part of a step."""
    device = device_named(args.device)
    gpu = device.type == 'cuda'
    model, size = (
        args.model or ('mit_b5' if gpu else 'mit_b0'),
        (512 if gpu else 256) if args.size is None else args.size,
    )
    rounds, warmup = (
        (50 if gpu else 3) if args.rounds is None else args.rounds,
        args.warmup if args.warmup is not None else (10 if gpu else 1),
    )
    torch.set_num_threads(args.threads)
    usual = GPU_SETTINGS if gpu else ['fast', *WITHOUT]
    texts = list(dict.fromkeys([*(args.settings or usual), args.baseline]))
    torch.backends.cudnn.benchmark = gpu  # as runs have it
    peaks = {text: _peak(Setting(text), device) for text in texts}
    trainers, memory, first = {}, {}, {}
    for text in texts:
        others = torch.cuda.memory_allocated(device) / 2**30 if gpu else 0.0
        trainers[text] = Trainer(Setting(text), model=model, size=size, batch=args.batch, device=device)
        peak, first[text] = _warm_up(trainers[text], warmup)
        memory[text] = peak - others
    times: dict[str, list[float]] = {text: [] for text in texts}
    for _ in range(rounds):
        for text, trainer in trainers.items():
            trainer.step()  # finds the caches and the memory as another setting left them, so it does not count
            start = clock(device)
            trainer.step()
            times[text].append(clock(device) - start)
    flops = _flops(trainers[args.baseline])
    base = median(times[args.baseline])
    rows = [
        {
            'setting': text,
            'ms': 1000 * median(times[text]),
            'min': 1000 * min(times[text]),
            'max': 1000 * max(times[text]),
            'speed against ' + args.baseline: base / median(times[text]),
            **({'times as long as fast': median(times[text]) / median(times['fast'])} if 'fast' in texts else {}),
            'images/s': args.batch / median(times[text]),
            'GFLOP/s': flops / median(times[text]) / 1e9,
            '% of matrix peak': 100 * flops / median(times[text]) / peaks[text],
            'first step s': first[text],
            'peak memory GB': memory[text],
        }
        for text in texts
    ]
    where = torch.cuda.get_device_name(device) if gpu else f'CPU, {args.threads} thread(s)'
    return {
        'title': f'{model}, {size}x{size}, batch {args.batch}, {where}, {flops / 1e9:.0f} GFLOP a step',
        'rows': rows,
        'stages': _stages({text: timed_parts(t, lambda: clock(device)) for text, t in trainers.items()}),
        'matrix peak GFLOP/s': {text: peak / 1e9 for text, peak in peaks.items()},
        'flop': flops,
        'times s': times,
    }


def _peak(setting: Setting, device: torch.device) -> float:
    """Floating-point operations a second of the device in the arithmetic of ``setting``."""
    set_tf32('tf32' in setting.words)
    return matrix_peak(device, DTYPES[setting.precision])


def _warm_up(trainer: Trainer, steps: int) -> tuple[float, float]:
    """(peak memory in GB, seconds of the first step) while the setting runs alone.

    On a CPU the peak is the process's, which only grows: it is told apart by measuring one setting in a process.
    """
    device = trainer.device
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
    start = clock(device)
    trainer.step()
    first = clock(device) - start
    for _ in range(steps):
        trainer.step()
    return peak_memory(device) / 1024, first


def _stages(seconds: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """A row for each part of a step, with milliseconds and share of the step for each setting."""
    names = dict.fromkeys(name for parts in seconds.values() for name in parts)
    rows = []
    for name in names:
        row: dict[str, Any] = {'part': name}
        for text, parts in seconds.items():
            spent = parts.get(name, 0.0)
            row |= {f'{text}, ms': 1000 * spent, f'{text}, %': 100 * spent / parts['step']}
        rows.append(row)
    return rows


def _flops(trainer: Trainer) -> int:
    """Floating-point operations of products, convolutions and attention in one step, forward and backward."""
    formulas = {torch.ops.aten.convolution_backward: convolution_backward_flop}
    with counted_flops(formulas) as counter:
        trainer.step()
    return counter.get_total_flops()


def convolution_backward_flop(
    gradient: tuple[int, ...], x: tuple[int, ...], weight: tuple[int, ...], *rest: Any, **_: Any
) -> int:
    """Of the gradients that are asked for; each takes as many operations as the way there. torch's own count takes
    grouped convolutions for dense ones.
    """
    wanted = rest[-1]
    return 2 * math.prod(gradient) * math.prod(weight[1:]) * (wanted[0] + wanted[1])

"""This checkout beside another one of the same project: a process each, whose steps or images take turns.

    git worktree add --detach ../before 6c0e96e
    mmseg benchmark beside --other ../before --what step --model mit_b0 --size 256 --batch 2

Both run on one thread and on the CPU, in the environment of this command. Times are CPU time of the process, so that
what else the machine does counts little; a pair is what both took in one round.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from mmseg.errors import InputError

TRAINING = Path('benchmark', '_training.py')
HERE = Path(__file__).resolve().parents[2]
# Uses only what both checkouts have. After a first round it answers every line with the seconds of another one.
WORKER = """
import sys, time, torch
from mmseg.engine.host_memory import keep_freed_memory
try:
    from mmseg.benchmark._training import Setting, Trainer
except ImportError:  # where measurements were before
    from tools.benchmark._training import Setting, Trainer
torch.set_num_threads(1)
what, model, size, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
side = size if what == 'step' else 64
trainer = Trainer(Setting('fast'), model=model, size=side, batch=batch, device=torch.device('cpu'))
if what == 'step':
    work = trainer.step
else:
    keep_freed_memory()
    network = trainer.uda.model.eval()
    image = torch.randn(batch, 3, size, 2 * size, generator=torch.Generator().manual_seed(1))
    meta = {'ori_shape': (2 * size, 4 * size, 3), 'flip': False, 'flip_direction': 'horizontal'}
    def work():
        return network.simple_test(image, [meta] * batch)
work()
print('ready', flush=True)
for _ in sys.stdin:
    start = time.process_time()
    work()
    print(time.process_time() - start, flush=True)
"""


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure; ``rows`` holds seconds of CPU time by checkout, ``pairs`` the ratios here / there of the rounds.

    Raises:
        InputError: ``--other`` is no checkout of this project that can be measured.
    """
    if args.other is None or not any((args.other / folder / TRAINING).is_file() for folder in ('mmseg', 'tools')):
        raise InputError(f'--other {args.other}: name a folder with another checkout of this project.')
    checkouts = {'other': args.other.resolve(), 'here': HERE}
    workers = {name: _start(root, args) for name, root in checkouts.items()}
    try:
        for name, worker in workers.items():
            if _answer(worker) != 'ready':
                raise InputError(f'{checkouts[name]} cannot be measured: its process ended (its error is above).')
        seconds: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(args.rounds):
            for name, worker in workers.items():
                seconds[name].append(_timed(worker))
    finally:
        for worker in workers.values():
            worker.kill()
    return _summary(args, checkouts, seconds)


def _start(root: Path, args: argparse.Namespace) -> subprocess.Popen:
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(root), 'CUDA_VISIBLE_DEVICES': ''}
    call = [sys.executable, '-c', WORKER, args.what, args.model, str(args.size), str(args.batch)]
    return subprocess.Popen(call, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _answer(worker: subprocess.Popen) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def _timed(worker: subprocess.Popen) -> float:
    assert worker.stdin is not None
    worker.stdin.write('\n')
    worker.stdin.flush()
    return float(_answer(worker))


def _summary(args: argparse.Namespace, checkouts: dict[str, Path], seconds: dict[str, list[float]]) -> dict[str, Any]:
    there = median(seconds['other'])
    rows = [
        {
            'checkout': str(checkouts[name]),
            'median s': median(values),
            'least s': min(values),
            'most s': max(values),
            'ratio of medians': median(values) / there,
        }
        for name, values in seconds.items()
    ]
    pairs = [here / other for here, other in zip(seconds['here'], seconds['other'], strict=True)]
    spread = f'here / other in pairs: median {median(pairs):.3f} ({min(pairs):.3f} to {max(pairs):.3f})'
    return {
        'title': f'{args.what}, {args.model}, {args.size}, batch {args.batch}; {spread}',
        'rows': rows,
        'pairs': pairs,
    }

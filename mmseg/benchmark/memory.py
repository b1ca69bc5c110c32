"""Peak memory of the training step for batches of 1, 2 and 4 in fp32 and bf16, each in a process of its own."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mmseg.apis import device_named
from mmseg.benchmark.settings import Setting
from mmseg.errors import InputError

ROOT = Path(__file__).parents[2]


def run(args: argparse.Namespace) -> dict[str, Any]:
    """One row a setting and batch: the peak of torch's memory on a GPU, of the whole process on a CPU."""
    gpu = device_named(args.device).type == 'cuda'
    model, size = args.model or ('mit_b5' if gpu else 'mit_b0'), args.size or (512 if gpu else 256)
    default = ['fast,split', 'fast,fuse', 'bf16,split', 'bf16,fuse'] if gpu else ['fast', 'bf16']
    settings = [Setting(text) for text in args.settings or default]
    rows = []
    for setting in settings:
        for batch in args.batches:
            command = [
                'step',
                '--settings',
                setting.text,
                '--baseline',
                setting.text,
                '--model',
                model,
                '--rounds',
                '1',
            ]
            row: dict[str, Any] = {'setting': setting.text, 'batch': batch, 'peak memory GB': None}
            rows.append(row)
            try:
                result = _in_own_process(
                    [*command, '--size', str(size), '--batch', str(batch), '--warmup', '1'], args.device
                )
                row['peak memory GB'] = result['rows'][0]['peak memory GB']
            except InputError as error:  # such as too little memory: the other rows are to be measured
                row['problem'] = str(error)[-80:]
    where = 'GPU memory' if gpu else 'resident memory of the process'
    return {'title': f'{model}, {size}x{size}, {where}', 'rows': rows}


def _in_own_process(command: list[str], device: str | None) -> dict[str, Any]:
    """The result of a measurement in a new process, whose peak is its own.

    Raises:
        InputError: it ended with an error, such as too little memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, 'result.json')
        device_option = ['--device', device] if device else []
        call = [sys.executable, '-m', 'mmseg', 'benchmark', *command, *device_option, '--out', str(out)]
        done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f'{" ".join(command)} failed: {done.stderr.strip()[-300:]}')
        return json.loads(out.read_text())['step']

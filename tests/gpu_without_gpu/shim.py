"""Builds the library that answers for the driver, and runs :mod:`tests.gpu_without_gpu.run` with it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[2]
SHIM = 'gpu_without_gpu.so'


def reason_without() -> str | None:
    """Why the way back cannot be run here; None where it can."""
    if not sys.platform.startswith('linux'):
        return 'the shim is for Linux'
    if torch.version.cuda is None:
        return 'torch is not its CUDA build, which alone has the way back of fake CUDA tensors'
    return None if shutil.which('g++') else 'no g++ to build the shim with'


def build_shim(folder: Path) -> Path:
    """The library, built in ``folder``."""
    library = folder / SHIM
    include = Path(torch.__path__[0], 'include')
    source = Path(__file__).with_name('shim.cpp')
    options = ['-std=c++20', '-shared', '-fPIC', '-O1', f'-I{include}']
    subprocess.run(['g++', *options, '-o', str(library), str(source)], check=True, capture_output=True)
    return library


def run(library: Path, *arguments: str) -> dict[str, Any]:
    """What the run prints."""
    environment = {**os.environ, 'LD_PRELOAD': str(library), 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, '-W', 'ignore', '-m', 'tests.gpu_without_gpu.run', *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])

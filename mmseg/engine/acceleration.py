"""How a run uses its device: compiled encoders."""

import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import torch
from mmengine.logging import print_log
from torch import nn

from mmseg.compiled import expect_graphs
from mmseg.errors import InputError
from mmseg.models.networks import networks_of

#: Graphs of one class of encoder in a process: three networks, their batch sizes, image sizes of evaluation. torch's
#: own limit of 8 is reached by a second run in the process, which it would leave uncompiled.
RECOMPILE_LIMIT = 64
#: values of the config's ``compile`` besides False, and the mode of ``torch.compile`` that they ask for
COMPILE_MODES = {True: None, 'reduce-overhead': 'reduce-overhead'}


def encoders(model: nn.Module) -> Iterator[nn.Module]:
    """The backbones of all networks in ``model`` that have one, whatever their role."""
    for network in networks_of(model):
        if hasattr(network.module, 'backbone'):
            yield network.module.get_submodule('backbone')


def compile_encoders(model: nn.Module, setting: bool | str, *, device: torch.device, backend: str = 'inductor') -> None:
    """Compile what ``model`` encodes images with, in place: names in its state dict stay.

    Compilation happens in the first steps, once for each batch size; image sizes are taken as fixed.

    Args:
        model: a segmentor or a UDA method.
        setting: the config's ``compile``: False, True, or 'reduce-overhead' to replay CUDA graphs too.
        device: where the model runs.
        backend: of ``torch.compile``.

    Raises:
        InputError: there is no compiler.
    """
    if not setting:
        return
    if setting not in COMPILE_MODES:
        raise InputError(f'compile={setting!r} is not one of False, {", ".join(map(repr, COMPILE_MODES))}.')
    if device.type == 'cpu' and backend == 'inductor' and not find_compiler():
        raise InputError(f'compile={setting!r} needs a C++ compiler on a CPU: install g++ or clang, or leave it False.')
    if device.type == 'cuda' and backend == 'inductor':
        _check_triton(setting)
    if device.type == 'cuda' and setting == 'reduce-overhead':
        expect_graphs()
    print_log('Encoders are compiled in the first iteration, which takes minutes.', 'current')
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, RECOMPILE_LIMIT)
    for encoder in encoders(model):
        encoder.compile(backend=backend, dynamic=False, mode=COMPILE_MODES[setting])


def _check_triton(setting: bool | str) -> None:
    """Refuse a GPU's compilation where what it builds kernels with is absent; it would fail in the first step."""
    if importlib.util.find_spec('triton') is None:
        raise InputError(f'compile={setting!r} needs the package triton on a GPU: `pip install triton`.')
    if not Path(sysconfig.get_path('include'), 'Python.h').is_file():
        raise InputError(
            f'compile={setting!r} needs Python.h on a GPU, to build its kernels with: install the header files of '
            f'Python {sys.version_info.major}.{sys.version_info.minor} (the package python3-dev or python3-devel), or '
            'leave it False.'
        )
    if not any(map(shutil.which, filter(None, (os.environ.get('CC'), 'gcc', 'clang', 'cc')))):
        raise InputError(f'compile={setting!r} needs a C compiler on a GPU: install gcc or clang, or leave it False.')


def find_compiler() -> str | None:
    """Path of the C++ compiler, if there is one."""
    names = (os.environ.get('CXX'), 'g++', 'clang++', 'cl' if sys.platform == 'win32' else None)
    return next((path for path in map(shutil.which, filter(None, names)) if path), None)

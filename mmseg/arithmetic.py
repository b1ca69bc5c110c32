"""What fp32 and bf16 mean on a device: decided here for training, evaluation and prediction alike."""

import logging
import platform

import torch
from mmengine.logging import print_log

from mmseg.errors import InputError

#: what a network computes in, by the name that configs and commands give it
DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}


def set_tf32(allowed: bool) -> None:
    """Let fp32 products and convolutions on a GPU round their factors to TF32 (10 bits), or forbid it.

    Whoever builds a network calls it with its config's ``tf32``: torch's own defaults differ between the two (it
    forbids TF32 in products and allows it in convolutions), and a checkpoint is to be tested as its run evaluated it.
    """
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def tf32_setting() -> str:
    """'on' or 'off', for the record of a run or a result."""
    return 'on' if torch.backends.cuda.matmul.allow_tf32 else 'off'


def require_driver(way_out: str) -> None:
    """Refuse to go on without the GPU that is there and cannot be used.

    Args:
        way_out: how to compute on the CPU on purpose: ``'train on the CPU: --gpus 0'``.

    Raises:
        InputError: there is an NVIDIA driver, but it is too old for this torch; torch would take the CPU.
    """
    reason = outdated_driver()
    if reason:
        raise InputError(
            f'{reason} Install a newer driver, or a torch that was built for an older CUDA than '
            f'{torch.version.cuda}; or {way_out}.'
        )


def outdated_driver() -> str | None:
    """What torch says about a driver that it cannot work with; None where there is no driver, or a good one."""
    if torch.version.cuda is None or torch.cuda.is_available():
        return None
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        found = str(error).split('. ')[0]
        return f'{found}.' if 'too old' in found else None
    return None


def warn_of_slow_bf16(device: torch.device, *, precision: str | None) -> None:
    """Warn before hours are spent: without instructions for bf16 a CPU takes many times as long as in fp32."""
    if precision == 'bf16' and device.type == 'cpu' and not computes_bf16():
        print_log(
            "precision='bf16': this CPU has no instructions for it (AVX512-BF16, AMX), so a step may take many times "
            "as long as with precision='fp32'.",
            'current',
            level=logging.WARNING,
        )


def computes_bf16() -> bool:
    """Whether this CPU has instructions for products of bf16; True where torch cannot tell."""
    if platform.machine().lower() not in ('x86_64', 'amd64'):
        return True
    questions = (getattr(torch.cpu, f'_is_{name}_supported', None) for name in ('avx512_bf16', 'amx_tile'))
    answers = [ask() for ask in questions if ask is not None]
    return any(answers) or not answers

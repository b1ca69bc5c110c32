"""Which of two ways to the same sums is the faster one on this machine's processor.

It follows from what the processor can, and nowhere from who made it. On AVX2 it is known: measured, docs/benchmarks.md.
On any other processor the libraries differ too much, so both ways are timed once, and the answer is kept for the
machine: a run that is continued, and the other processes of a run, compute the same bits.
"""

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from mmseg.places import user_cache
from mmseg.writing import unfinished

ONEDNN = torch.backends.mkldnn.is_available()  # the library that torch may be built with for the CPU
#: 'AVX2', 'AVX512', ...: the instructions that torch's kernels use, less than the processor's where
#: ATEN_CPU_CAPABILITY says so
CAPABILITY = torch.backends.cpu.get_cpu_capability()
#: so much faster has the other way to be: far from what chance makes of equal ways
MARGIN = 1.25


def prefers(name: str, known: dict[str, bool], other: Callable[[], object], usual: Callable[[], object]) -> bool:
    """Whether the ``other`` way is taken rather than the ``usual`` one.

    Args:
        name: of the question, in the file of answers.
        known: answers by capability; for others the two ways are timed.
        other: does a representative piece of work one way, in about 10 ms.
        usual: does it the usual way.
    """
    if not ONEDNN:
        return False
    if CAPABILITY in known:
        return known[CAPABILITY]
    return kept(name, lambda: least_seconds(usual) >= MARGIN * least_seconds(other))


def least_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The least CPU time of this process that ``work`` takes on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    spent = []
    try:
        for _ in range(repeats):
            start = time.process_time()
            work()
            spent.append(time.process_time() - start)
    finally:
        torch.set_num_threads(threads)
    return min(spent)


def kept(name: str, measure: Callable[[], bool]) -> bool:
    """The answer to ``name`` in this machine's file; measured, and written there, where there is none.

    The first process that writes decides for all. Where nothing can be written each process measures for itself.
    """
    folder = _folder()
    if folder is None:
        return measure()
    file = folder / f'{name}-{_machine()}.json'
    try:
        return bool(json.loads(file.read_text(encoding='utf-8')))
    except ValueError:
        file.unlink(missing_ok=True)
    except OSError:
        pass
    answer = measure()
    try:
        with unfinished(file) as own:
            own.write_text(json.dumps(answer), encoding='utf-8')
            try:
                os.link(own, file)
            except FileExistsError:
                return bool(json.loads(file.read_text(encoding='utf-8')))
    except (OSError, ValueError):
        pass
    return answer


def _folder() -> Path | None:
    base = user_cache()
    return Path(base, 'mmseg', 'processor') if base else None


def _machine() -> str:
    """Ten letters that stand for processor, capability and torch: of a home that several machines share, say."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text(encoding='utf-8', errors='replace').splitlines() if info.is_file() else []
    said = sorted({line for line in lines if line.startswith(('model name', 'flags'))})
    limits = [os.environ.get('ONEDNN_MAX_CPU_ISA', '')]
    facts = [platform.machine(), platform.processor(), CAPABILITY, torch.__version__, *limits, *said]
    return hashlib.sha256('\0'.join(facts).encode()).hexdigest()[:10]


def in_order(*shape: int) -> Tensor:
    """Numbers in -1..1, (``shape``), to time something with; the state of torch's chance is left alone."""
    count = torch.Size(shape).numel()
    return (torch.arange(count) % 251 / 125 - 1).view(shape)

"""Memory, shared memory and the disk of the current folder."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mmseg.doctor.findings import FAIL, NOTE, OK, Finding
from mmseg.engine.lock import WorkDirLock
from mmseg.writing import scratch_folder

GIB, MIB = 2**30, 2**20
WRITTEN = 64 * MIB
REFUSED = 'in use'
TAKE = f"""
import sys
from pathlib import Path
from mmseg.engine.lock import WorkDirLock
from mmseg.errors import InputError
from mmseg.writing import scratch_folder
try:
    WorkDirLock().take(Path(sys.argv[1]))
except InputError:
    print({REFUSED!r})
"""
#: nothing is written there, only its size is asked for
SHARED = Path('/dev/shm')  # nosec B108


def memory() -> Iterator[Finding]:
    if not hasattr(os, 'sysconf') or 'SC_PHYS_PAGES' not in os.sysconf_names:
        return
    total = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    enough = total >= 8 * GIB
    yield Finding('memory', OK if enough else NOTE, f'{total / GIB:.1f} GiB', '' if enough else 'Take fewer workers.')


def shared_memory() -> Iterator[Finding]:
    """Workers hand batches over there."""
    if not SHARED.is_dir():
        return
    free = shutil.disk_usage(SHARED).free
    remedy = '' if free >= GIB else 'Too little for data workers: docker run --shm-size 2g, or data.workers_per_gpu=0.'
    yield Finding(str(SHARED), OK if free >= GIB else NOTE, f'{free / GIB:.1f} GiB free', remedy)


def disk() -> Iterator[Finding]:
    """Write a file and read it again, durably as a checkpoint is written."""
    content = os.urandom(MIB) * (WRITTEN // MIB)
    with scratch_folder(Path('doctor')) as folder:
        file = folder / 'written'
        start = time.perf_counter()
        with file.open('wb') as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        seconds = time.perf_counter() - start
        whole = file.read_bytes() == content
    free = shutil.disk_usage('.').free
    told = f'{free / GIB:.1f} GiB free, writes {WRITTEN / MIB / seconds:.0f} MB/s'
    if not whole:
        yield Finding('disk', FAIL, 'what was written is not what is read')
    elif free < 10 * GIB:
        yield Finding('disk', NOTE, told, 'A run of the final config keeps 3 to 4 GB of checkpoints.')
    else:
        yield Finding('disk', OK, told)


def locks() -> Iterator[Finding]:
    """Whether a second process is kept out of a work directory that this one holds."""
    lock = WorkDirLock()
    with scratch_folder(Path('doctor')) as folder:
        lock.take(folder)
        try:
            second = subprocess.run(
                [sys.executable, '-c', TAKE, str(folder)], capture_output=True, text=True, check=False
            )
        finally:
            lock.release()
    if REFUSED in second.stdout:
        yield Finding('file locks', OK, 'work')
    else:
        yield Finding('file locks', NOTE, 'this disk has none', 'Never start two runs in one work directory here.')

"""Processes that work for another one end with it, and leave their memory in shared memory or say why not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from mmseg.datasets import loader
from mmseg.datasets.loader import DataLost
from mmseg.datasets.worker_end import how_one_ended

ROOT = Path(__file__).parents[2]
START = """
import os, sys, time, multiprocessing
from mmseg.datasets.loader import _loader, collate
from mmseg.datasets.parallel import each
def slow(number):
    os.write(1, f'{os.getpid()}\\n'.encode())  # this one has begun; in one write, which no other one can part
    time.sleep(600)
class Numbers:
    def __len__(self): return 8
    def __getitem__(self, i): return {'i': i}
if sys.argv[1] == 'loader':
    workers = iter(_loader(Numbers(), [[i] for i in range(8)], 2, collate, False))
    next(workers), next(workers)  # one of each: both have begun
    for child in multiprocessing.active_children():
        print(child.pid, flush=True)
    time.sleep(600)
else:
    list(each(slow, range(64), nproc=2, title=''))
"""


def alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


@pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='looks into /proc')
@pytest.mark.parametrize('kind', ['loader', 'each'])
def test_workers_end_with_the_process_that_they_work_for(kind):
    process = subprocess.Popen([sys.executable, '-c', START, kind], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(process.stdout.readline()) for _ in range(2)]
    assert len(set(pids)) == 2
    for pid in pids:  # Ctrl-C, and a terminal that closes, reach all of a terminal's processes
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGHUP)
    time.sleep(0.2)
    assert all(map(alive, pids))
    process.kill()
    process.wait()
    ended = time.monotonic()
    while any(map(alive, pids)) and time.monotonic() - ended < 60:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_what_does_not_fit_into_shared_memory_is_told(monkeypatch):
    def full(_):
        raise RuntimeError('unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)')

    monkeypatch.setattr(torch.Tensor, 'share_memory_', full)
    monkeypatch.setattr(loader, 'get_worker_info', lambda: 'a worker')
    answer = loader._merged_or_error([{'img': torch.zeros(1)}], loader.collate)
    assert isinstance(answer, DataLost)
    assert '/dev/shm' in str(answer)


def test_a_process_that_has_closed_its_files_is_waited_for_until_it_says_how_it_ended():
    class Dying:
        """What a process is for a moment: its end of the pipe is closed, its exit code not yet known."""

        pid, exitcode = 7, None

        def __init__(self):
            self.sentinel, other = os.pipe()
            os.close(other)

        def join(self, timeout):
            self.exitcode = -signal.SIGKILL

    worker = Dying()
    assert 'killed by SIGKILL' in how_one_ended([worker])
    os.close(worker.sentinel)

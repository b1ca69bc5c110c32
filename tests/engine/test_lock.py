"""A work directory belongs to one process that trains."""

import json
import os
import signal
import subprocess
import sys

import pytest

from mmseg.engine.lock import NAME, WorkDirLock
from mmseg.engine.train import build_runner
from mmseg.errors import InputError
from tests.engine.tiny import tiny_config

HOLD = """
import sys
from pathlib import Path
from mmseg.engine.lock import WorkDirLock
lock = WorkDirLock()
lock.take(Path(sys.argv[1]))
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds ``tmp_path``."""
    command = [sys.executable, '-c', HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_second_run_in_a_folder_is_refused_by_the_name_of_the_first(holder, tmp_path):
    with pytest.raises(InputError, match=f'{tmp_path.name} is in use: process {holder.pid} on .* since 20'):
        build_runner(tiny_config(tmp_path))
    assert json.loads((tmp_path / NAME).read_text())['process'] == holder.pid


def test_a_process_that_was_killed_holds_nothing(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / NAME).is_file()
    lock = WorkDirLock()
    lock.take(tmp_path)
    assert json.loads((tmp_path / NAME).read_text())['process'] == os.getpid()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_ends_leaves_its_folder_to_others(tmp_path):
    runner = build_runner(tiny_config(tmp_path / 'run'))
    assert (tmp_path / 'run' / NAME).is_file()
    runner.close()
    assert not (tmp_path / 'run' / NAME).exists()


def test_a_run_that_is_refused_leaves_its_folder_to_others(tmp_path):
    with pytest.raises(InputError):
        build_runner(tiny_config(tmp_path, data__train={'type': 'TinyImages', 'size': 2}, load_from='absent.pth'))
    assert not (tmp_path / NAME).exists()

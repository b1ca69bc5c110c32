"""A work directory belongs to one process that trains."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from mmseg.engine import lock
from mmseg.engine.lock import NAME, WorkDirLock
from mmseg.engine.train import build_runner
from mmseg.errors import InputError
from tests.engine.tiny import tiny_config

HOLD = """
import sys
from pathlib import Path
from mmseg.engine import lock
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


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.write_text('kept')
    (tmp_path / NAME).symlink_to(elsewhere)
    with pytest.raises(InputError, match=rf'{NAME} is a link'):
        WorkDirLock().take(tmp_path)
    assert elsewhere.read_text() == 'kept'


def test_a_disk_that_has_no_room_for_the_lock_is_named(tmp_path, monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(lock, '_self', full)
    held = WorkDirLock()
    with pytest.raises(InputError, match=rf'{tmp_path}/{NAME} cannot be written: the disk is full'):
        held.take(tmp_path)
    held.release()
    assert list(tmp_path.iterdir()) == []

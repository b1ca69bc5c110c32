import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmseg import side_by_side
from mmseg.errors import InputError
from mmseg.side_by_side import Training, seconds_left, train_side_by_side

TWO_STEPS = "for n in (1, 2): print(f'11/26 05:38:02 - mmseg - INFO - Iter [{n}/2] lr: 1.0', flush=True)"
FAILS = "print('the data are not there'); raise SystemExit(2)"
SLEEPS = 'import time; time.sleep(600)'


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(side_by_side, 'POLL_S', 0.01)


def training(folder, name, program=TWO_STEPS, expected=1.0):
    return Training(name, [sys.executable, '-c', program], folder / f'{name}.txt', expected)


def test_every_training_runs_to_its_end_and_tells_how_far_it_is(tmp_path):
    trainings = [training(tmp_path, name) for name in 'abc']
    told, ended = [], []
    train_side_by_side(trainings, 2, lambda: told.append([one.iteration for one in trainings]), ended.append)
    assert sorted(one.name for one in ended) == ['a', 'b', 'c']
    assert all(one.finished and (one.iteration, one.of) == (2, 2) for one in trainings)
    assert told[-1] == [2, 2, 2]


def test_one_that_goes_on_takes_as_long_as_its_own_iterations_show(tmp_path):
    went_on = Training('a', [], tmp_path / 'a.txt', expected=1.0, done=300)
    for line, further in (('', False), ('Iter [300/400]', False), ('Iter [350/400]', True), ('Iter [350/400]', False)):
        went_on.output.write_text(f'11/26 - mmseg - INFO - {line} lr: 1.0\n')
        went_on.seconds = lambda: 20.0
        assert went_on.look() is further
    assert went_on.total == 40.0


@pytest.mark.parametrize(('lanes', 'together'), [(1, 1), (2, 2)])
def test_so_many_run_at_once_as_there_are_lanes(tmp_path, monkeypatch, lanes, together):
    waits = 'import pathlib, time\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.01)'
    trainings = [training(tmp_path, name, waits.format(str(tmp_path / f'{name} may end'))) for name in 'abc']
    seen = []
    sleep = time.sleep

    def sleep_and_look(seconds: float) -> None:
        running = [one for one in trainings if one.started() and not one.finished]
        seen.append(len(running))
        (tmp_path / f'{running[0].name} may end').touch()
        sleep(seconds)

    monkeypatch.setattr(side_by_side.time, 'sleep', sleep_and_look)
    train_side_by_side(trainings, lanes, lambda: None, lambda _: None)
    assert max(seen) == together


def test_one_that_fails_is_named_with_its_last_words_and_the_others_are_stopped(tmp_path):
    fails, sleeps = training(tmp_path, 'DAFormer', FAILS), training(tmp_path, 'oracle', SLEEPS)
    with pytest.raises(InputError, match=r'DAFormer ended with exit code 2.*DAFormer\.txt:\nthe data are not there'):
        train_side_by_side([sleeps, fails], 2, lambda: None, lambda _: None)
    assert sleeps._process.poll() == -signal.SIGTERM


@pytest.mark.parametrize(
    ('expected', 'lanes', 'seconds'), [([10, 4, 4], 2, 10), ([10, 6, 6], 2, 12), ([10, 6, 6], 1, 22), ([], 2, 0)]
)
def test_what_is_left_before_the_start_fills_the_lanes_in_order(tmp_path, expected, lanes, seconds):
    assert seconds_left([training(tmp_path, str(s), expected=s) for s in expected], lanes) == seconds


def test_those_that_wait_are_believed_to_be_as_slow_as_the_others_were(tmp_path):
    ended, waits = training(tmp_path, 'ended', expected=3.0), training(tmp_path, 'waits', expected=5.0)
    train_side_by_side([ended], 1, lambda: None, lambda _: None)
    ended.total = 6.0
    assert seconds_left([ended, waits], 1) == 10.0


@pytest.mark.skipif(sys.platform != 'linux', reason='asks the system to end a process with its parent')
def test_a_training_ends_with_the_process_that_started_it(tmp_path):
    output = tmp_path / 'a.txt'
    program = f"""
import pathlib
from mmseg.side_by_side import Training, train_side_by_side
says = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
sleeps = Training('a', [{sys.executable!r}, '-c', says], pathlib.Path({str(output)!r}), 1.0)
train_side_by_side([sleeps], 1, print, print)
"""
    parent = subprocess.Popen([sys.executable, '-c', program])
    while not output.exists() or not output.read_text().endswith('\n'):
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while is_running(int(output.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """False also for one that has ended and that nobody has asked for."""
    state = Path(f'/proc/{process}/stat')
    try:
        return state.read_text().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False

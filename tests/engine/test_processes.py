import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from mmseg.engine import distributed, options, processes
from mmseg.engine.processes import processes_wanted, run_processes
from mmseg.engine.stop import PeerLost, StopRequest
from mmseg.errors import InputError
from tests.engine.pair import run_pair
from tests.engine.test_train import final
from tests.engine.tiny import tiny_config

CONFIG = """
custom_imports = dict(imports=['tests.engine.tiny'], allow_failed_imports=False)
model = dict(type='TinySegmentor')
data = dict(samples_per_gpu=2, workers_per_gpu=0, train=dict(type='TinyImages'), val=dict(type='TinyImages', size=3))
optimizer = dict(type='AdamW', lr=0.01)
runner = dict(type='IterBasedRunner', max_iters=12)
log_config = dict(interval=4, hooks=[dict(type='TextLoggerHook', by_epoch=False)])
seed = 5
"""


def end_second(how: str) -> int:
    """The second process ends as ``how`` says, the first waits for it."""
    distributed.join_processes()
    if distributed.get_rank() == 1:
        if how == 'mistake':
            raise InputError('image x.png is broken')
        if how == 'defect':
            raise ValueError('a defect')
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        distributed.largest(0)
    except PeerLost as lost:
        return lost.exit_code
    return 0


@pytest.mark.parametrize(('how', 'code'), [('mistake', 2), ('defect', 1), ('kill', 137)])
def test_a_process_that_ends_ends_the_others(capsys, how, code):
    start = time.monotonic()
    assert run_pair(end_second, how) == code
    assert time.monotonic() - start < 60
    # One that was killed could not say it itself.
    assert ('process 1 was killed by signal 9' in capsys.readouterr().err) == (how == 'kill')


def end_with_messages_on_their_way() -> int:
    """Nobody but gloo's threads holds the messages any more: it needs Python's lock to be rid of them."""
    distributed.join_processes()
    for _ in range(4):
        torch.distributed.broadcast(torch.zeros(1000), 0, async_op=True)
    return 0


def test_processes_end_though_messages_are_on_their_way():
    assert [run_pair(end_with_messages_on_their_way) for _ in range(4)] == [0] * 4


@pytest.mark.exhaustive
def test_a_pair_ends_a_hundred_times():
    assert [run_pair(end_with_messages_on_their_way) for _ in range(100)] == [0] * 100


def stay_behind(folder: Path) -> int:
    """The first process ends well, the second does not end."""
    if os.environ['RANK'] == '1':
        (folder / 'stays').touch()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    while not (folder / 'stays').exists():
        time.sleep(0.05)
    return 0


def test_a_process_that_does_not_end_after_the_others_have_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, 'PATIENCE', 0.2)
    assert run_pair(stay_behind, tmp_path) == 0


def wait_for_a_signal(parent: int) -> int:
    distributed.join_processes()
    with StopRequest() as request:
        distributed.largest(0)  # both listen
        if distributed.get_rank() == 0:
            os.kill(parent, signal.SIGINT)
        end = time.monotonic() + 30
        while request.signal_number is None and time.monotonic() < end:
            time.sleep(0.01)
    return 128 + (request.signal_number or 0)


def test_an_interrupt_of_the_command_reaches_every_process_and_the_command_lives_to_say_so():
    before = signal.getsignal(signal.SIGINT)
    assert run_pair(wait_for_a_signal, os.getpid()) == 130
    assert signal.getsignal(signal.SIGINT) is before


def test_a_port_that_is_taken_is_named():
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InputError, match=rf'dist_params\.port={port} cannot be used'):
            run_processes(wait_for_a_signal, 2, port=port)


def test_a_run_has_the_processes_that_its_config_wants(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 0)
    assert [processes_wanted(tiny_config('run', n_gpus=count)) for count in (0, 1, 3)] == [1, 1, 3]
    assert capsys.readouterr().out == 'No GPU here: 3 processes share the CPU (gloo).\n'
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    assert processes_wanted(tiny_config('run', n_gpus=2)) == 2
    with pytest.raises(InputError, match=r'n_gpus \(--gpus\) is 3, but this machine has 2'):
        processes_wanted(tiny_config('run', n_gpus=3))
    monkeypatch.setenv('WORLD_SIZE', '8')  # torchrun has started them
    assert processes_wanted(tiny_config('run', n_gpus=3)) == 1


def test_the_folder_of_the_run_is_chosen_before_its_processes_start(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(options, 'processes_wanted', lambda cfg: 2)
    monkeypatch.setattr(options, 'run_processes', lambda *args, port: started.append((*args, port)) or 3)
    cfg = tiny_config('', n_gpus=2, dist_params={'backend': 'nccl', 'port': 4711}, name='x', exp='y')
    cfg.work_dir = None
    assert options.train_and_report(cfg, work_dir=None, resume=tmp_path) == 3
    ((_, count, given, folder, resume, allowed, port),) = started
    assert (count, resume, allowed, port) == (2, tmp_path, False, 4711)
    assert given is cfg
    assert str(folder) == cfg.work_dir
    assert folder.parent == Path('work_dirs/local-y')


@pytest.mark.slow
def test_the_command_and_torchrun_train_the_same_run(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(CONFIG)
    folders = [tmp_path / 'gpus', tmp_path / 'torchrun']
    environment = {**os.environ, 'PYTHONPATH': str(Path(__file__).parents[2])}
    torchrun = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
    for start, folder in zip(([sys.executable], torchrun), folders, strict=True):
        call = [*start, '-m', 'tools.train', str(config), '--work-dir', str(folder)]
        call += ['--gpus', '2'] if start is not torchrun else []
        done = subprocess.run(call, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count('work_dir: ') == 1
    one, other = map(final, folders)
    assert one['meta']['processes'] == other['meta']['processes'] == 2
    assert all(torch.equal(value, other['state_dict'][name]) for name, value in one['state_dict'].items())

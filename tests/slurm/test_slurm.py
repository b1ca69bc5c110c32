"""Grids on a real Slurm with one node, started by start.sh: ``pytest -m slow tests/slurm``.

They run for root, as in a container, where slurmctld, slurmd and munged are installed (Debian: slurm-wlm, munge);
MMSEG_INSTALL_SLURM=1 installs them.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from mmseg.commands import train as train_command
from mmseg.config import tables
from mmseg.config.experiment import Run
from mmseg.engine import experiments
from mmseg.engine.grid import RECORDS, Record
from tests.engine.tiny_grid import tiny_run, write_config

START = Path(__file__).with_name('start.sh')
PROGRAMS = ('slurmctld', 'slurmd', 'munged', 'sbatch')

pytestmark = pytest.mark.slow


def why_not() -> str | None:
    """Why there can be no Slurm here."""
    if not hasattr(os, 'geteuid') or os.geteuid() != 0:
        return 'Slurm can be started by root only'
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent and os.environ.get('MMSEG_INSTALL_SLURM') != '1':
        return f'{", ".join(absent)} absent (slurm-wlm, munge); MMSEG_INSTALL_SLURM=1 installs them'
    return None


@pytest.fixture(scope='module')
def slurm(tmp_path_factory):
    """The SLURM_CONF of a cluster of this machine."""
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp('slurm')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    started = subprocess.run(['sh', START, folder, str(port)], stdout=subprocess.PIPE, text=True, check=True)
    yield started.stdout.strip()
    subprocess.run(['sh', START, '--stop', folder], check=True)


@dataclass(frozen=True, kw_only=True)
class TinyRun(Run):
    title: str
    options: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f'{self.title}_s{self.seed}'

    def cfg(self) -> dict:
        return tiny_run(self.name, exp=self.exp, seed=self.seed, **self.options)


LONG = {'runner__max_iters': 250, 'checkpoint_config__interval': 1000, 'evaluation__interval': 1000}


@pytest.fixture
def grid(slurm, tmp_path, monkeypatch):
    """A table with a run that is short, one that fails and one that is longer than a job may be; in a fresh folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('SLURM_CONF', slurm)
    monkeypatch.setenv('PYTHONPATH', str(START.parents[2]))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setattr(experiments, 'GENERATED', tmp_path / 'generated')
    rows = [
        TinyRun(exp='tiny', seed=0, title='short', options={'runner__max_iters': 2}),
        TinyRun(exp='tiny', seed=0, title='broken', options={'model__poison_at': 1, 'log_config__interval': 1}),
        TinyRun(
            exp='tiny',
            seed=0,
            title='long',
            options={**LONG, 'custom_hooks': [{'type': 'Pace', 'seconds': 0.4}]},
        ),
    ]
    monkeypatch.setitem(tables.TABLES, 'tiny', lambda exp: rows)
    # The run takes 100 seconds and more, a job gets 60 to 90: Slurm looks at limits every 30 seconds.
    limits = ['--time', '2', '--slurm-options', 'signal=USR2@30']
    yield ['--exp', 'tiny', '--machine', 'slurm', '--gpus-per-node', '0', *limits]
    subprocess.run(['scancel', '--me'], check=True)
    started = time.monotonic()
    while len(queue().splitlines()) > 1 and time.monotonic() - started < 60:  # jobs outlive daemons that are stopped
        time.sleep(0.5)


def record_of(name: str) -> Record:
    (file,) = Path('work_dirs/local-tiny', RECORDS).glob(f'{name}-????????.json')
    return Record(**json.loads(file.read_text()))


def wait_for_state(name: str, state: str, seconds: float) -> None:
    started = time.monotonic()
    while record_of(name).state != state:
        assert time.monotonic() - started < seconds, f'{record_of(name)}\n{queue()}\n{logs()}'
        time.sleep(0.5)


def queue() -> str:
    return subprocess.run(['squeue', '--array'], stdout=subprocess.PIPE, text=True, check=True).stdout


def logs() -> str:
    files = sorted(Path('work_dirs/local-tiny', RECORDS, 'slurm').glob('*_log.*'))
    return '\n'.join(f'--- {file.name}\n{file.read_text()}' for file in files)


def test_a_grid_is_an_array_of_jobs_and_a_run_that_runs_out_of_time_goes_on_exactly(grid, capsys, tmp_path):
    assert train_command.main(grid) == 0
    jobs = capsys.readouterr().out
    assert 'Submitted 3 runs: ' in jobs
    assert train_command.main(grid) == 0
    assert 'long_s0: in the queue as job ' in capsys.readouterr().out

    wait_for_state('short_s0', 'finished', 120)
    wait_for_state('broken_s0', 'failed', 120)
    assert 'not finite from iteration 2' in record_of('broken_s0').error
    wait_for_state('long_s0', 'finished', 500)
    assert 'Requeued job' in logs()
    long = Path('work_dirs/local-tiny') / record_of('long_s0').work_dir
    assert 'Resumed from' in said_by(long)
    assert (long / 'iter_250.pth').is_file()

    assert same_weights(uninterrupted(tmp_path) / 'latest.pth', long / 'latest.pth')

    capsys.readouterr()
    assert train_command.main([*grid, '--only', 'short|long']) == 0
    assert 'Nothing to submit' in capsys.readouterr().out


def test_a_job_that_the_cluster_puts_back_into_the_queue_goes_on_where_it_was(grid):
    """Without the signal that announces it: Slurm ends the job as it does at preemption with PreemptMode=REQUEUE."""
    assert train_command.main([*grid, '--only', 'long', '--cfg-options', 'runner.max_iters=60']) == 0
    wait_for_state('long_s0', 'running', 120)
    long = Path('work_dirs/local-tiny') / record_of('long_s0').work_dir
    started = time.monotonic()
    while 'Iter [8/60]' not in said_by(long):
        assert time.monotonic() - started < 120, logs()
        time.sleep(0.2)
    subprocess.run(['scontrol', 'requeue', record_of('long_s0').job], check=True)
    wait_for_state('long_s0', 'finished', 200)
    assert 'Resumed from' in said_by(long)
    assert (long / 'iter_60.pth').is_file()


def uninterrupted(folder: Path) -> Path:
    """The work directory of the long run in one go, by a process with the jobs' environment.

    The number of threads decides the order of sums, and this process has its own.
    """
    config = write_config(folder, 'plain', seed=0, **LONG)
    program = START.parents[2] / 'run_experiments.py'
    subprocess.run([sys.executable, program, '--config', config, '--work-dir', folder / 'plain'], check=True)
    return folder / 'plain'


def said_by(work_dir: Path) -> str:
    return ''.join(file.read_text() for file in sorted(work_dir.glob('*.log')))


def same_weights(one: Path, other: Path) -> bool:
    states = [torch.load(path, weights_only=True)['state_dict'] for path in (one, other)]
    assert states[0].keys() == states[1].keys()
    return all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_what_the_cluster_refuses_is_told(grid, capsys):
    assert train_command.main([*grid, '--partition', 'absent']) == 2
    assert 'invalid partition' in capsys.readouterr().err

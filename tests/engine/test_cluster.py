import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from mmseg.commands import train as train_command
from mmseg.config.load import load_config
from mmseg.engine import cluster
from mmseg.engine.cluster import ClusterJob, Resources, minutes_of, submit
from mmseg.engine.grid import GridRun, Record, grid_run, prepare
from mmseg.engine.launch import Launcher
from mmseg.errors import InputError
from tests.engine.tiny_grid import write_config


@pytest.mark.parametrize(
    ('text', 'minutes'),
    [
        ('90', 90),
        ('1:30', 2),
        ('4:00:00', 240),
        ('0:00:01', 1),
        ('2-0', 2880),
        ('1-12', 2160),
        ('1-12:30', 2190),
        ('1-12:30:00', 2190),
    ],
)
def test_time_limits_are_read_as_slurm_reads_them(text, minutes):
    assert minutes_of(text) == minutes


@pytest.mark.parametrize('text', ['', 'a', '1:2:3:4', '4h', '-3', '1-'])
def test_other_time_limits_are_refused(text):
    with pytest.raises(InputError, match='--time'):
        minutes_of(text)


@pytest.fixture
def cfg(tmp_path, monkeypatch):
    """A tiny run, in a fresh folder."""
    monkeypatch.chdir(tmp_path)
    return load_config(write_config(tmp_path, 'one', data__workers_per_gpu=3))


def test_a_machine_without_a_cluster_is_told_so(cfg, monkeypatch):
    monkeypatch.setattr(shutil, 'which', lambda program: None)
    with pytest.raises(InputError, match='no sbatch here'):
        submit([cfg], Resources())


@pytest.fixture
def submitted(monkeypatch):
    """What would have been submitted; nothing is in the queue."""
    pytest.importorskip('submitit')
    jobs = []

    def record(executor, batch):
        jobs.append((executor, list(batch)))
        return [f'7_{i}' for i in range(len(batch))]

    monkeypatch.setattr(shutil, 'which', lambda program: f'/usr/bin/{program}')
    monkeypatch.setattr(cluster, '_submit', record)
    monkeypatch.setattr(cluster, '_queued', lambda: {'7_0'})
    return jobs


def test_jobs_ask_for_what_the_command_line_says(cfg, submitted, tmp_path):
    wanted = ['--partition', 'big', '--gpus-per-node', '2', '--nodes', '3', '--time', '1-0', '--slurm-options', 'qos=x']
    assert train_command.main(['--config', 'one.json', '--machine', 'slurm', *wanted]) == 0
    ((executor, (job,)),) = submitted
    cfg.n_gpus = 6
    assert job == ClusterJob(GridRun(tmp_path / 'work_dirs/local-tiny', 'one', grid_run(cfg).key, trust=True), 2)
    text = executor._make_submission_file_text('the command', 'x')
    for line in (
        '--partition=big',
        '--gpus-per-node=2',
        '--nodes=3',
        '--ntasks-per-node=1',
        '--time=1440',
        '--cpus-per-task=8',  # 2 processes with 3 loader workers each
        '--qos=x',
        '--requeue',
        '--signal=USR2@90',
    ):
        assert f'#SBATCH {line}\n' in text
    assert 'srun' in text


def test_what_is_finished_queued_or_held_is_not_submitted(cfg, submitted, capsys, tmp_path):
    assert submit([cfg], Resources()) == 0
    assert grid_run(cfg).record() == Record(**{**vars(grid_run(cfg).record()), 'state': 'submitted', 'job': '7_0'})
    assert submit([cfg], Resources()) == 0
    assert 'one: in the queue as job 7_0' in capsys.readouterr().out
    with grid_run(cfg).locked():
        assert submit([cfg], Resources()) == 0
    assert 'another process trains it' in capsys.readouterr().out
    record = grid_run(cfg).record()
    record.state, record.job = 'finished', ''
    (tmp_path / 'work_dirs/local-tiny' / record.work_dir).mkdir(parents=True)
    grid_run(cfg).write(record)
    assert submit([cfg], Resources()) == 0
    assert 'one: finished before' in capsys.readouterr().out
    assert len(submitted) == 1


@pytest.mark.parametrize(
    ('resources', 'reason'),
    [
        ({'options': {'comment': 'x\ntouch made'}}, 'comment=.*control character'),
        ({'options': {'comment\ntouch made': 'x'}}, 'no option of sbatch'),
        ({'options': {'a b': 'x'}}, 'no option of sbatch'),
        ({'partition': 'gpu\rtouch made'}, 'partition=.*control character'),
    ],
)
def test_what_would_be_another_line_of_the_job_script_is_refused(cfg, submitted, resources, reason):
    with pytest.raises(InputError, match=reason):
        submit([cfg], Resources(**resources))
    assert submitted == []


def test_options_that_are_no_pairs_are_refused(cfg, capsys):
    assert train_command.main(['--config', 'one.json', '--machine', 'slurm', '--slurm-options', 'qos']) == 2
    assert "not 'qos'" in capsys.readouterr().err


@pytest.mark.parametrize(('option', 'least'), [('--nodes', 0), ('--gpus-per-node', -1)])
def test_machines_that_cannot_be_asked_for_are_refused(cfg, capsys, option, least):
    assert train_command.main(['--config', 'one.json', '--machine', 'slurm', option, str(least)]) == 2
    assert capsys.readouterr().err == f'error: {option} {least}: has to be at least {least + 1}.\n'


@pytest.mark.skipif(not hasattr(os, 'waitid'), reason='clusters run on systems with waitid')
def test_a_checkpoint_waits_for_the_run_to_end_and_continues_the_same_run(cfg):
    pytest.importorskip('submitit')
    prepare(grid_run(cfg), cfg)
    job = ClusterJob(grid_run(cfg), 2)
    job._launcher = Launcher(own_group=False, ignored=[signal.SIGUSR2])
    continued = []
    # As submitit does: the signal interrupts the thread that waits for the run.
    previous = signal.signal(signal.SIGUSR2, lambda *_: continued.append(job.checkpoint().function))
    try:
        threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGUSR2)).start()
        started = time.monotonic()
        outcome = job._launcher.run(['sh', '-c', 'kill -USR2 $$; trap "exit 5" TERM; while :; do sleep 0.05; done'])
    finally:
        signal.signal(signal.SIGUSR2, previous)
    assert 1 <= time.monotonic() - started < 20
    assert outcome.code == 143
    assert continued == [ClusterJob(job.run, 2)]


def test_a_queue_that_does_not_answer_is_told(monkeypatch):
    answer = subprocess.CompletedProcess([], 1, stdout='', stderr='Unable to contact slurm controller')
    monkeypatch.setattr(subprocess, 'run', lambda *_, **__: answer)
    with pytest.raises(InputError, match='Unable to contact'):
        cluster._queued()

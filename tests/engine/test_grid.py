import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from mmseg.config.load import load_config
from mmseg.engine import grid
from mmseg.engine.grid import RECORDS, Record, grid_run, prepare, run_here, settings_hash, train_held
from mmseg.engine.launch import PROGRAM, Launcher, Nodes, Outcome, command_of
from mmseg.engine.work_dir import find_work_dir
from mmseg.errors import InputError
from tests.engine.tiny_grid import write_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def records() -> dict[str, Record]:
    files = [file for file in Path('work_dirs/local-tiny', RECORDS).glob('*.json') if 'config' not in file.name]
    found = [Record(**json.loads(file.read_text())) for file in files]
    return {record.name: record for record in found}


def test_a_failed_run_is_recorded_the_rest_goes_on_and_what_is_finished_is_not_trained_again(tmp_path, capfd):
    broken = {'model__poison_at': 1, 'log_config__interval': 1}
    cfgs = [
        load_config(write_config(tmp_path, 'broken', **broken)),
        load_config(write_config(tmp_path, 'good', runner__max_iters=2)),
    ]
    assert run_here(cfgs) == 1
    found = records()
    assert {name: (record.state, record.code) for name, record in found.items()} == {
        'broken': ('failed', 3),
        'good': ('finished', 0),
    }
    assert 'not finite from iteration 2' in found['broken'].error
    said = capfd.readouterr()
    assert '2 runs: 1 failed, 1 finished.' in said.out
    assert 'not finished: broken: stopped: The loss is not finite' in said.err
    good = Path('work_dirs/local-tiny') / found['good'].work_dir
    before = (good / 'latest.pth').stat().st_mtime_ns
    assert run_here(cfgs[1:]) == 0
    assert f'[1/1] good: finished before, in {good}' in capfd.readouterr().out
    assert (good / 'latest.pth').stat().st_mtime_ns == before


def start_grid(*configs: Path) -> subprocess.Popen:
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, '-m', 'tests.engine.run_grid', *map(str, configs)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(pattern: str, process: subprocess.Popen, seconds: float = 90) -> Path:
    started = time.monotonic()
    while not (found := sorted(Path('work_dirs').glob(pattern))):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() - started < seconds, f'no {pattern}'
        time.sleep(0.02)
    return found[0]


@pytest.mark.slow
def test_a_grid_that_was_killed_finishes_the_rest_when_it_is_started_again(tmp_path):
    slow = {'checkpoint_config__interval': 2, 'custom_hooks': [{'type': 'Pace', 'seconds': 0.3}]}
    configs = [write_config(tmp_path, 'first', runner__max_iters=1), write_config(tmp_path, 'second', **slow)]
    grid = start_grid(*configs)
    checkpoint = wait_for('local-tiny/*_second_*/latest.pth', grid)
    grid.kill()
    grid.communicate()  # until the run, which has the same output, has ended too: it dies with the grid
    second = checkpoint.parent
    assert records()['second'].state == 'running'
    reached = torch.load(second / 'latest.pth', weights_only=True)['meta']['iter']
    assert reached < 12

    again = start_grid(*configs)
    output = again.communicate()[0]
    assert again.returncode == 0, output
    assert '[1/2] first: finished before' in output
    assert f'[2/2] second: goes on in {second}' in output
    assert f'after iteration {reached}' in output
    assert torch.load(second / 'latest.pth', weights_only=True)['meta']['iter'] == 12
    assert [record.state for record in records().values()] == ['finished', 'finished']
    assert len(list(Path('work_dirs/local-tiny').glob('*_*'))) == 2


@pytest.mark.slow
def test_a_signal_lets_the_run_save_its_state_and_ends_the_grid(tmp_path):
    slow = {'custom_hooks': [{'type': 'Pace', 'seconds': 0.5}]}
    configs = [write_config(tmp_path, 'first', **slow), write_config(tmp_path, 'second')]
    grid = start_grid(*configs)
    wait_for('local-tiny/*_first_*/*.log.json', grid)
    time.sleep(0.5)
    grid.send_signal(signal.SIGTERM)
    output = grid.communicate()[0]
    assert grid.returncode == 143, output
    assert records()['first'].state == 'stopped'
    assert find_work_dir('first').joinpath('latest.pth').is_file()
    assert 'second' not in records()


@pytest.fixture
def run(tmp_path):
    """A run that is prepared, with its config."""
    cfg = load_config(write_config(tmp_path, 'one'))
    planned = grid_run(cfg)
    prepare(planned, cfg)
    return planned, cfg


def test_a_run_that_another_process_holds_is_left_to_it(run, capsys):
    planned, cfg = run
    with planned.locked() as descriptor:
        assert descriptor is not None
        assert run_here([cfg]) == 0
    assert 'another process trains it' in capsys.readouterr().out
    assert planned.record().state == 'new'


@pytest.mark.skipif(grid.fcntl is None, reason='no file locks on Windows')
@pytest.mark.parametrize(('number', 'held'), [(errno.ENOLCK, True), (errno.ENOTSUP, True), (errno.EACCES, False)])
def test_where_the_file_system_has_no_locks_runs_are_trained_all_the_same(run, monkeypatch, capsys, number, held):
    planned, cfg = run

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(grid.fcntl, 'flock', refuse)
    with planned.locked() as descriptor:
        assert (descriptor is not None) == held
    assert ('cannot be locked' in capsys.readouterr().out) == held
    monkeypatch.setattr(grid, 'train_held', lambda run, record, launch: dataclasses.replace(record, state='finished'))
    assert run_here([cfg]) == 0
    assert f'1 runs: 1 {"finished" if held else "elsewhere"}.' in capsys.readouterr().out


def test_a_run_begins_goes_on_from_its_state_and_is_finished_once(run):
    planned, _ = run
    told = []

    def launch(arguments):
        told.append(arguments)
        folder = planned.folder / planned.record().work_dir
        assert planned.record().state == 'running'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'iter_3.pth').touch()
        return Outcome(143 if len(told) == 1 else 0, 'last words')

    folder = str(planned.folder / planned.record().work_dir)
    record = train_held(planned, planned.record(), launch)
    assert (record.state, record.code, record.error) == ('stopped', 143, '')
    assert train_held(planned, planned.record(), launch).state == 'finished'
    assert train_held(planned, planned.record(), launch).state == 'finished'
    trust = '--trust'  # the tiny run imports its own modules
    assert told == [['--config', str(planned.config_file), '--work-dir', folder, trust], ['--resume', folder, trust]]


def test_a_finished_run_whose_folder_was_deleted_is_trained_anew(run):
    planned, cfg = run
    record = planned.record()
    record.state = 'finished'
    planned.write(record)
    assert planned.record() is None
    assert prepare(planned, cfg).work_dir != record.work_dir


def test_what_is_learnt_decides_whether_it_is_the_same_run(tmp_path):
    path = write_config(tmp_path, 'one')

    def hash_with(**options):
        return settings_hash(load_config(path, {key.replace('__', '.'): v for key, v in options.items()}).to_dict())

    same = hash_with()
    assert hash_with(evaluation__interval=7, data__workers_per_gpu=3, log_config__interval=1, accumulate=1) == same
    assert hash_with(data__train__cache_dir='/scratch') == same
    assert len({same, hash_with(seed=6), hash_with(optimizer__lr=0.5), hash_with(model__width=9)}) == 4


def test_a_record_that_is_none_is_named(run):
    planned, cfg = run
    finished = {'name': 'one', 'work_dir': 'a', 'state': 'finished'}
    for record in ({'nmae': 1}, [1], {**finished, 'work_dir': 5}, {**finished, 'code': 'x'}, {**finished, 'job': None}):
        planned.record_file.write_text(json.dumps(record))
        with pytest.raises(InputError, match=r'one-\w{8}\.json is no record'):
            prepare(planned, cfg)


def test_one_machine_starts_a_run_plainly_and_several_by_torchrun():
    alone = command_of(['--config', 'a.py'])
    assert alone[0] == sys.executable
    assert alone[1:] == [*PROGRAM, '--config', 'a.py']
    third = command_of(['--config', 'a.py'], nodes=Nodes(count=3, index=2, main='n1', port=20001, processes=4))
    assert set(third) > {'--nnodes=3', '--node_rank=2', '--master_addr=n1', '--master_port=20001', '--nproc_per_node=4'}
    assert third[1:3] == ['-m', 'torch.distributed.run']
    assert third[-len(alone[1:]) :] == alone[1:]


def test_a_process_tells_its_code_and_its_last_words_and_is_in_no_group_of_a_launcher(monkeypatch, capfd):
    monkeypatch.setenv('RANK', '3')
    monkeypatch.setenv('MASTER_PORT', '1234')
    program = "import os, sys; print(os.environ.get('RANK'), os.environ.get('MASTER_PORT')); sys.exit('no luck')"
    assert Launcher().run([sys.executable, '-c', program]) == Outcome(1, 'no luck')
    said = capfd.readouterr()
    assert (said.out.strip(), said.err.strip()) == ('None None', 'no luck')
    killed = 'import os; os.kill(os.getpid(), 9)'
    assert Launcher().run([sys.executable, '-c', killed]).code == 137


def test_a_run_is_found_by_folder_by_name_and_by_the_name_of_its_folder():
    folders = [Path('work_dirs/local-a', name) for name in ('261123_1200_one_0a1b2', '261123_1201_one_s1_0a1b3')]
    for folder in folders:
        folder.mkdir(parents=True)
    assert find_work_dir('one') == find_work_dir(folders[0]) == find_work_dir(folders[0].name) == folders[0]
    assert find_work_dir('one_s1') == folders[1]
    Path('work_dirs/local-b/261123_1202_one_0a1b4').mkdir(parents=True)
    with pytest.raises(InputError, match='Several runs are called one'):
        find_work_dir('one')
    with pytest.raises(InputError, match='no run in work_dirs/ has that name'):
        find_work_dir('two')


@pytest.mark.parametrize(
    ('words', 'why'),
    [
        ('a warning\nerror: The weights are missing.\nGet them.', 'error: The weights are missing.'),
        ('Traceback\n  line 1\nKeyError: 3', 'KeyError: 3'),
        ('', 'exit code 7'),
    ],
)
def test_the_list_of_what_is_not_finished_says_why_in_one_line(run, words, why, capsys, monkeypatch):
    _, cfg = run
    monkeypatch.setattr(Launcher, 'run', lambda *_, **__: Outcome(7, words))
    assert run_here([cfg]) == 1
    assert capsys.readouterr().err == f'not finished: one: {why}\n'

"""One command with everything under it; help costs no second."""

import importlib
import io
import logging
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mmseg
from mmseg import cli, screen
from mmseg.arithmetic import DTYPES
from mmseg.benchmark.options import MEASUREMENTS
from mmseg.commands import config as config_command
from mmseg.commands.arguments import PRECISIONS
from mmseg.commands.convert import NAMES
from mmseg.commands.report import TABLES
from mmseg.commands.test import METRICS
from mmseg.config.load import load_config
from mmseg.config.read import SHIPPED_CONFIGS, shipped_config
from mmseg.evaluation.metrics import COLUMNS
from mmseg.progress import progress_bar
from mmseg.report.results import FORMATS

ROOT = Path(__file__).parents[1]


def test_help_of_every_command_imports_neither_torch_nor_timm():
    code = f"""
import sys
from mmseg import cli
for name in {list(cli.COMMANDS)!r}:
    try:
        cli.exit_code([name, '--help'])
    except SystemExit as end:
        assert end.code == 0, name
    assert not {{'torch', 'timm', 'mmengine', 'cv2'}} & sys.modules.keys(), name
"""
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


DOORS = {
    'tools.analyze_logs': 'curves',
    'tools.benchmark.__main__': 'benchmark',
    'tools.check_dataset': 'check',
    'tools.compare_runs': 'compare',
    'tools.download': 'download',
    'tools.init': 'init',
    'tools.make_toy': 'toy',
    'tools.predict': 'predict',
    'tools.publish_model': 'publish',
    'tools.quickstart': 'quickstart',
    'tools.report': 'report',
    'tools.submit': 'submit',
    'tools.test': 'test',
    'tools.test_work_dir': 'test',
    'tools.train': 'train',
    'demo.image_demo': 'demo',
}
CONVERTERS = NAMES


@pytest.mark.parametrize('door', DOORS)
def test_a_path_that_users_know_is_a_door_to_the_command(door):
    module = importlib.import_module(door)
    assert module.main is importlib.import_module(cli.COMMANDS[DOORS[door]].module).main


FOLDERS_OF_SCRIPTS = ('.', 'demo', 'tools', 'tools/benchmark', 'tools/convert_datasets', 'tools/model_converters')
COME_AS_MMSEG = len(DOORS) + len(CONVERTERS) - 1  # the usage of all doors is that of mmseg, but for train's


def scripts():
    """Every file of the repository that is run as a script, apart from setup.py, which is the packager's."""
    files = (path for folder in FOLDERS_OF_SCRIPTS for path in sorted((ROOT / folder).glob('*.py')))
    return [str(path.relative_to(ROOT)) for path in files if "__name__ == '__main__'" in path.read_text()]


def test_no_script_lies_elsewhere():
    everything = [path for folder in ('demo', 'tools') for path in (ROOT / folder).rglob('*.py')]
    run = {str(path.relative_to(ROOT)) for path in everything if "__name__ == '__main__'" in path.read_text()}
    assert run <= set(scripts())
    assert len(run) > len(DOORS) + len(CONVERTERS)


def test_help_of_every_script_comes_as_script_and_as_module_without_torch():
    code = f"""
import runpy, sys
for script in {scripts()}:
    sys.argv = [script, '--help']
    try:
        runpy.run_path(script, run_name='__main__')
    except SystemExit as end:
        assert end.code == 0, script
    assert not {{'torch', 'timm', 'mmengine', 'cv2'}} & sys.modules.keys(), script
"""
    ended = subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True, capture_output=True, text=True)
    usages = [line for line in ended.stdout.splitlines() if line.startswith('usage: ')]
    assert len(usages) == len(scripts())
    assert sum(line.startswith('usage: mmseg ') for line in usages) == COME_AS_MMSEG


def test_help_of_every_measurement_needs_no_torch():
    code = f"""
import sys
from mmseg import cli
for name in {list(MEASUREMENTS)}:
    try:
        cli.exit_code(['benchmark', name, '--help'])
    except SystemExit as end:
        assert end.code == 0, name
assert not {{'torch', 'timm', 'mmengine', 'cv2'}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_choices_that_help_names_are_those_of_the_code():
    assert list(METRICS) == list(COLUMNS)
    assert list(PRECISIONS) == list(DTYPES)
    assert list(TABLES) == list(FORMATS)
    for name, add_arguments in MEASUREMENTS.items():
        measurement = importlib.import_module(f'mmseg.benchmark.{name}')
        assert measurement.__doc__.splitlines()[0].strip('"') == add_arguments.__doc__
        assert callable(measurement.run)


@pytest.mark.parametrize('name', list(cli.COMMANDS))
def test_a_command_is_a_module_of_its_own(name):
    assert callable(importlib.import_module(cli.COMMANDS[name].module).main)


def test_the_script_that_is_installed_is_this_command():
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    assert project['scripts'] == {'mmseg': 'mmseg.cli:main'}


def test_how_much_is_shown_is_said_in_front_of_the_command(monkeypatch, capsys):
    monkeypatch.setenv(screen.VARIABLE, '')
    assert cli.exit_code(['-q', '--version']) == 0
    assert os.environ[screen.VARIABLE] == screen.QUIET
    assert cli.exit_code(['config', 'list', 'no_such']) == 2
    assert 'Traceback' not in capsys.readouterr().err
    assert cli.exit_code(['--verbose', 'config', 'list', 'no_such']) == 2
    said = capsys.readouterr().err
    assert 'Traceback' in said
    assert said.splitlines()[-1].startswith('error: No config comes with the code')


def test_a_quiet_screen_leaves_the_log_file_complete(monkeypatch, tmp_path):
    logger = logging.getLogger('quiet')
    logger.setLevel(logging.INFO)
    shown, kept = logging.StreamHandler(), logging.FileHandler(tmp_path / 'log')
    logger.handlers = [shown, kept]
    monkeypatch.setenv(screen.VARIABLE, screen.QUIET)
    screen.limit(logger)
    assert (shown.level, kept.level) == (logging.WARNING, logging.NOTSET)
    kept.close()


class Terminal(io.StringIO):
    """What a screen is to a program."""

    def isatty(self):
        return True


@pytest.mark.parametrize(('chosen', 'shown'), [('', True), (screen.VERBOSE, True), (screen.QUIET, False)])
def test_a_quiet_screen_has_no_bars(monkeypatch, chosen, shown):
    monkeypatch.setenv(screen.VARIABLE, chosen)
    monkeypatch.setattr(sys, 'stderr', terminal := Terminal())
    assert list(progress_bar(range(3), desc='working')) == [0, 1, 2]
    assert ('working' in terminal.getvalue()) is shown


def test_a_bar_is_on_a_terminal_alone_and_only_where_wanted(monkeypatch):
    monkeypatch.setenv(screen.VARIABLE, '')
    for stream, wanted in ((io.StringIO(), True), (Terminal(), False)):
        monkeypatch.setattr(sys, 'stderr', stream)
        assert list(progress_bar(range(3), shown=wanted)) == [0, 1, 2]
        assert stream.getvalue() == ''


def test_every_bar_asks_whether_it_is_to_be_quiet():
    files = [path for folder in ('mmseg', 'tools', 'demo') for path in (ROOT / folder).rglob('*.py')]
    assert [path.name for path in files if 'tqdm import' in path.read_text()] == ['progress.py']


def test_what_it_has_what_it_is_and_what_it_has_not(capsys):
    assert cli.exit_code([]) == 0
    listed = capsys.readouterr().out
    assert all(f'\n  {name} ' in listed for name in cli.COMMANDS)
    assert cli.exit_code(['--version']) == 0
    assert capsys.readouterr().out == f'mmseg {mmseg.__version__}\n'
    assert cli.exit_code(['trian']) == 2
    assert "no command 'trian'. Did you mean 'train'?" in capsys.readouterr().err


@pytest.mark.parametrize('name', ['toy/daformer', 'toy/daformer.py', 'configs/toy/daformer.py'])
def test_a_shipped_config_is_found_by_its_name_from_any_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert shipped_config(Path(name)) == SHIPPED_CONFIGS / 'toy' / 'daformer.py'
    assert load_config(name).uda.type == 'DACS'


@pytest.mark.parametrize('name', ['toy/daformers', '../configs/toy/daformer', '', '/toy/daformer'])
def test_nothing_else_is_a_shipped_config(name):
    assert shipped_config(Path(name)) is None


def test_a_file_in_the_current_folder_comes_before_a_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('toy').mkdir()
    Path('toy/daformer.py').write_text(f'_base_ = [{str(SHIPPED_CONFIGS / "toy" / "daformer.py")!r}]\nseed = 77\n')
    assert load_config('toy/daformer.py').seed == 77


def test_a_copy_begins_from_its_base_and_is_never_written_over(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert config_command.main(['copy', 'toy/daformer', '.']) == 0
    assert load_config('daformer.py').model == load_config('toy/daformer').model
    assert config_command.main(['copy', 'toy/daformer', '.']) == 2
    assert 'daformer.py exists already' in capsys.readouterr().err
    assert config_command.main(['copy', 'toy/daformer', 'mine/first.py']) == 0
    assert load_config('mine/first.py').uda == load_config('toy/daformer').uda


def test_configs_are_listed_by_folder_and_shown_as_they_run(capsys):
    assert config_command.main(['list', 'toy']) == 0
    assert 'toy/daformer.py' in capsys.readouterr().out.splitlines()
    assert config_command.main(['list', 'toys']) == 2
    assert 'Known folders: camvid, cluda, daformer' in capsys.readouterr().err
    assert config_command.main(['show', 'toy/daformer', '--cfg-options', 'uda.alpha=0.5']) == 0
    assert 'alpha=0.5' in capsys.readouterr().out.replace(' ', '')


@pytest.mark.slow
def test_a_wheel_has_the_configs_and_works_from_an_empty_folder(tmp_path):
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '--quiet']
    if subprocess.run([*pip, '--version'], capture_output=True, check=False).returncode:
        pytest.skip('this environment has no pip')
    source = tmp_path / 'source'  # building leaves files where it builds
    for name in ('mmseg', 'configs'):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns('__pycache__', 'generated'))
    for name in ('pyproject.toml', 'setup.py', 'requirements.txt', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source / name)
    subprocess.run([*pip, 'wheel', '--no-deps', '--wheel-dir', str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob('*.whl')
    subprocess.run([*pip, 'install', '--no-deps', '--target', str(tmp_path / 'site'), str(wheel)], check=True)
    folder = tmp_path / 'empty'
    folder.mkdir()

    def call(*arguments):
        paths = {'PYTHONPATH': str(tmp_path / 'site'), 'PATH': '/usr/bin:/bin', 'HOME': str(tmp_path)}
        command = [sys.executable, '-m', 'mmseg', *arguments]
        return subprocess.run(command, cwd=folder, env=paths, capture_output=True, text=True, check=False)

    assert 'toy/daformer.py' in call('config', 'list').stdout
    assert call('config', 'copy', 'toy/daformer', '.').stdout == 'daformer.py\n'
    assert (
        f'{tmp_path / "site"}' in (folder / 'daformer.py').read_text()
        or '_base_' in (folder / 'daformer.py').read_text()
    )
    shown = call('config', 'show', 'daformer.py')
    assert shown.returncode == 0, shown.stderr
    ended = call('train', 'daformer.py', '--debug')
    assert ended.returncode == 2
    assert 'Draw the toy pair first, in this folder: mmseg toy\n' in ended.stderr
    assert call('toy', '--source', '8', '--train', '8', '--val', '2').returncode == 0
    for arguments in (
        ('train', 'daformer.py', '--debug', '--work-dir', 'run'),
        ('test', 'run', '--device', 'cpu'),
        ('demo', 'data/toy/gta/images/00001.png', 'run/run.json', 'run/latest.pth', '--out', 'seen.png'),
        ('report', 'run', '--images', '1'),
        ('curves', 'run'),
        ('benchmark', 'eval', '--images', '1', '--device', 'cpu'),
        ('download', '--list'),
    ):
        ended = call(*arguments)
        assert ended.returncode == 0, ended.stderr
    made = ('run/preds', 'seen.png', 'report/index.html', 'curves.png')
    assert [name for name in made if not (folder / name).exists()] == []
    assert (tmp_path / 'site' / 'mmseg' / 'py.typed').is_file()


@pytest.mark.parametrize(
    'error', [ImportError('libtorch_cpu.so: failed to map segment from shared object'), MemoryError()]
)
def test_too_little_memory_for_the_libraries_is_one_sentence(monkeypatch, capsys, error):
    def import_module(name):
        raise error

    monkeypatch.setattr(cli.importlib, 'import_module', import_module)
    assert cli.exit_code(['train']) == 1
    said = capsys.readouterr().err
    assert said.startswith('stopped: there is no more memory')
    assert said.count('\n') == 1


def test_a_package_that_is_missing_keeps_its_traceback(monkeypatch):
    monkeypatch.setitem(cli.COMMANDS, 'train', cli.Command('mmseg.no_such_module', ''))
    with pytest.raises(ModuleNotFoundError):
        cli.exit_code(['train'])

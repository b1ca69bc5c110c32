"""Where nothing can be written every command says so in one sentence, before it reads or computes anything."""

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest
from mmengine import Config

import mmseg.commands
import tools
import tools.model_converters
from mmseg.engine import train
from mmseg.engine.work_dir import find_work_dir, set_work_dir
from mmseg.errors import InputError
from mmseg.places import UnwritableError, check_file, check_folder, make_folder
from mmseg.writing import replacing_folder, write_text

#: by command and the name of the argument: what comes before the place, which no file has to exist for, and after it
ARGUMENTS = {
    ('mmseg.commands.benchmark', 'out'): ['ema', '--out'],
    ('mmseg.commands.compare', 'out'): ['work_dir', '--out'],
    ('mmseg.commands.config', 'to'): ['copy', 'toy/daformer'],
    ('mmseg.commands.convert', 'out_dir'): ['gta', 'data', '--out-dir'],
    ('mmseg.commands.curves', 'out'): ['log.json', '--out'],
    ('mmseg.commands.demo', 'out'): ['image.png', 'config.py', 'weights.pth', '--out'],
    ('mmseg.commands.export', 'out'): ['work_dir', '--out'],
    ('mmseg.commands.init', 'out'): ['--source', 'images', 'labels', '--out'],
    ('mmseg.commands.predict', 'out'): ['image.png', 'work_dir', '--out'],
    ('mmseg.commands.publish', 'out'): ['weights.pth'],
    ('mmseg.commands.quickstart', 'out'): ['--out'],
    ('mmseg.commands.report', 'out'): ['work_dir', '--out'],
    ('mmseg.commands.submit', 'out'): ['work_dir', '--benchmark', 'acdc', '--out'],
    ('mmseg.commands.test', 'out'): ['config.py', 'weights.pth', '--out'],
    ('mmseg.commands.test', 'show_dir'): ['config.py', 'weights.pth', '--show-dir'],
    ('mmseg.commands.test', 'id_dir'): ['config.py', 'weights.pth', '--id-dir'],
    ('mmseg.commands.test', 'parts_dir'): ['config.py', 'weights.pth', '--parts-dir'],
    ('mmseg.commands.toy', 'out'): ['--out'],
    ('mmseg.commands.train', 'work_dir'): ['config.py', '--work-dir'],
    ('tools.browse_dataset', 'out'): ['config.py', '--out'],
    ('tools.config_keys', 'out'): ['--out'],
    ('tools.encoder_table', 'out'): ['--out'],
    ('tools.features', 'out'): ['work_dir', '--out'],
    ('tools.make_resources', 'out'): ['--out'],
    ('tools.make_resources', 'panel'): ['--panel'],
    ('tools.make_screenshots', 'out'): ['--out'],
    ('tools.model_table', 'out'): ['--out'],
    ('tools.run_table', 'table'): [],
    ('tools.run_table', 'plot'): ['table.json', '--plot'],
    ('tools.smoke_configs', 'out'): ['--out'],
    **{
        (f'tools.model_converters.{name}', 'dst'): ['weights.pth']
        for name in ('beit2mmseg', 'convnext2mmseg', 'efficientnet2timm', 'mit2mmseg', 'swin2mmseg', 'vit2mmseg')
    },
}
#: arguments that name what a command writes
WRITTEN = {'out', 'panel', 'out_dir', 'dst', 'to', 'table', 'plot', 'show_dir', 'id_dir', 'parts_dir', 'work_dir'}
#: arguments of such a name that are read
READ = {('mmseg.commands.submit', 'work_dir'), ('tools.features', 'work_dir'), ('tools.test_work_dir', 'work_dir')}


def place_of(name, base):
    """A file or folder two levels below ``base``, with an ending that its command takes."""
    ending = {'submit': 'zip', 'demo': 'png', 'export': 'onnx'}
    return base / 'new' / f'result.{ending.get(name.rpartition(".")[2], "json")}'


@pytest.mark.parametrize(('command', 'argument'), list(ARGUMENTS), ids=lambda name: name.replace('.', '-'))
def test_a_place_where_nothing_can_be_made_is_one_sentence_at_once(command, argument, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'file').touch()
    bases = [tmp_path / 'file', *([Path('/proc'), Path('/proc/1')] if sys.platform == 'linux' else [])]
    main = importlib.import_module(command).main
    for base in bases:
        place = str(place_of(command, base))
        assert main([*ARGUMENTS[command, argument], place]) == 2
        told = capfd.readouterr().err
        assert told.startswith(f'error: {place}')
        assert 'cannot be written' in told
        assert told.count('\n') == 1
    assert [path.name for path in tmp_path.iterdir()] == ['file']


class SeenError(Exception):
    """Carries the parser of a command."""


def commands():
    """Every module that is a command."""
    for package in (mmseg.commands, tools, tools.model_converters):
        for module in pkgutil.iter_modules(package.__path__, f'{package.__name__}.'):
            yield module.name


def arguments_of(parser):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from arguments_of(sub)
        yield action.dest


def test_no_command_that_writes_is_missing_above(monkeypatch):
    def show(parser, *_):
        raise SeenError(parser)

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', show)
    found = set()
    for name in commands():
        main = getattr(importlib.import_module(name), 'main', None)
        try:
            if main is not None:
                main([])
        except SeenError as seen:
            found |= {(main.__module__, dest) for dest in arguments_of(seen.args[0]) if dest in WRITTEN}
    assert found - READ == set(ARGUMENTS)


def test_the_place_in_a_config_is_looked_at_too(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UnwritableError, match=r'file/run cannot be written \(.*file is no folder\)\. Name another'):
        set_work_dir(Config(), tmp_path / 'file/run')


def test_a_home_in_front_of_a_work_directory_is_written_out(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    monkeypatch.chdir(tmp_path)
    cfg = Config({'work_dir': '~/runs/a'})
    assert set_work_dir(cfg, cfg.work_dir) == tmp_path / 'home/runs/a'
    assert cfg.work_dir == str(tmp_path / 'home/runs/a')
    (tmp_path / 'home/runs/a').mkdir(parents=True)
    assert find_work_dir('~/runs/a') == tmp_path / 'home/runs/a'
    with pytest.raises(InputError, match=rf'^{tmp_path}/home/runs/a holds no checkpoint'):
        train._find_state('~/runs/a')
    assert [path.name for path in tmp_path.iterdir()] == ['home']


def test_an_empty_work_directory_is_a_new_one_and_not_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set_work_dir(Config({'exp': 'a'}), '').parts[0] == 'work_dirs'


def test_looking_leaves_nothing(tmp_path):
    check_file(tmp_path / 'a/b/c.json')
    check_folder(tmp_path / 'a/b')
    check_file(None)
    check_folder(None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('check', 'told'), [(check_file, 'it is a folder'), (check_folder, 'file is no folder')])
def test_a_folder_is_no_file_and_a_file_no_folder(check, told, tmp_path):
    (tmp_path / 'file').touch()
    place = tmp_path if check is check_file else tmp_path / 'file'
    with pytest.raises(UnwritableError, match=told):
        check(place)


@pytest.mark.parametrize('write', [lambda path: write_text(path, ''), lambda path: make_folder(path / 'x')])
def test_what_nobody_looked_at_before_is_one_sentence_too(write, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UnwritableError, match=r'cannot be written \((Not a directory|.*file is no folder)\)\.$'):
        write(tmp_path / 'file/x')


def test_a_cache_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UnwritableError, match='cache cannot be written'), replacing_folder(tmp_path / 'file/cache'):
        raise AssertionError

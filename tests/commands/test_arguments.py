from pathlib import Path

import pytest

from mmseg.commands import compare
from mmseg.commands.arguments import configs_by_name, named_run, told_apart
from mmseg.errors import InputError
from tools import run_table


def test_a_run_has_the_name_given_or_that_of_its_folder_as_it_is_written(tmp_path, monkeypatch):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'link').symlink_to('run')
    monkeypatch.chdir(tmp_path / 'run')
    assert named_run('MIC=a/b') == ('MIC', Path('a/b'))
    for text, name in {'a/b/': 'b', '=a/b': 'b', '.': 'run', '../link': 'link', '..': tmp_path.name}.items():
        assert named_run(text) == (name, Path(text.removeprefix('=')))


def test_runs_of_one_name_are_refused_rather_than_the_first_forgotten():
    assert told_apart([('a', Path('x')), ('b', Path('x'))]) == {'a': Path('x'), 'b': Path('x')}
    with pytest.raises(InputError, match=r'A/run and B/run are both called run: tell them apart, NAME=WORK_DIR'):
        told_apart([('run', Path('A/run')), ('run', Path('B/run'))])


def test_configs_of_one_name_are_refused_where_a_table_knows_them_by_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_table, 'train', lambda *_: pytest.fail('trained'))
    assert configs_by_name([Path('a/x.py'), Path('a/y.json')]) == {'x': Path('a/x.py'), 'y': Path('a/y.json')}
    for others in (['b/uda.py'], ['a/uda.py']):
        assert run_table.main([str(tmp_path / 'table.json'), 'a/uda.py', *others]) == 2
        assert f'a/uda.py and {others[0]} are both called uda: a table knows' in capsys.readouterr().err


@pytest.mark.parametrize('runs', [['A/run', 'B/run'], ['X=R1', 'X=R2'], ['A/run', 'run=B']])
def test_compare_tells_runs_of_one_name_apart(runs, tmp_path, capsys):
    assert compare.main([*runs, '--out', str(tmp_path)]) == 2
    assert 'are both called' in capsys.readouterr().err

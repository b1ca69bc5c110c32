"""A command says in one sentence what a user got wrong."""

import errno
from pathlib import Path

import pytest

from mmseg.config.load import load_config
from mmseg.datasets.files import Root, image_names, suffixes_of
from mmseg.datasets.pipelines.loading import read_image
from mmseg.engine.work_dir import find_work_dir
from mmseg.errors import InputError, RepeatedError, command, nearest
from mmseg.models.weights import find
from mmseg.places import UnwritableError, check_file, check_folder
from mmseg.prediction.sources import find_sources


def ended(error):
    @command
    def main():
        raise error

    return main()


def test_an_input_error_is_one_sentence_and_code_2(capsys):
    assert ended(InputError('No such thing.')) == 2
    assert capsys.readouterr().err == 'error: No such thing.\n'


def test_what_another_process_says_is_not_said_twice(capsys):
    assert ended(RepeatedError('No such thing.')) == 2
    assert capsys.readouterr().err == ''


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / 'file').touch()

    @command
    def main():
        (tmp_path / 'file' / 'report').mkdir(parents=True)

    assert main() == 2
    assert capsys.readouterr().err == f'error: {tmp_path}/file/report cannot be used: Not a directory.\n'


def test_a_folder_without_permission_is_named(capsys):
    assert ended(PermissionError(errno.EACCES, 'Permission denied', 'out/page.html')) == 2
    assert capsys.readouterr().err == 'error: out/page.html cannot be used: Permission denied.\n'


LONG, LOOP = 'x' * 300, 'loop'
#: what asks for a file that a user names
ASKS = {
    'sources': lambda path: find_sources([path]),
    'weights': find,
    'work_dir': find_work_dir,
    'image': read_image,
    'images': lambda path: image_names(Root(path, None, None), suffixes_of('.png', '.png'), ''),
    'config': load_config,
    'out': lambda path: check_folder(Path(path)),
    'out_file': lambda path: check_file(Path(path) / 'a.txt'),
}


@pytest.mark.parametrize('name', [LONG, f'folder/{LONG}', f'{LONG}/a.png', LOOP, f'{LOOP}/a.png', '~nobody-here/a.png'])
@pytest.mark.parametrize('asked', ASKS)
def test_a_name_that_the_system_or_nobody_knows_is_one_sentence(asked, name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path(LOOP).symlink_to(LOOP)

    @command
    def main():
        ASKS[asked](name)

    assert main() == 2
    told = capsys.readouterr().err
    assert told.startswith('error: ')
    assert name[:60] in told
    assert told.count('\n') == 1


def test_what_the_shell_has_not_replaced_is_no_folder_to_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ('~/out', '~', '~somebody/out', 'a\0b'):
        with pytest.raises(UnwritableError, match=r'the shell has left ~\w* as it is|null character'):
            check_folder(Path(place))
    Path('~').mkdir()
    check_folder(Path('~/out'))


@pytest.mark.parametrize('error', [MemoryError(), OSError(errno.EMFILE, 'Too many open files', 'x.png')])
def test_a_machine_at_its_limits_is_no_defect(error, capsys):
    assert ended(error) == 1
    assert capsys.readouterr().err.startswith('stopped: th')


@pytest.mark.parametrize(
    'error', [FileNotFoundError(errno.ENOENT, 'No such file', 'ours'), OSError(errno.EEXIST, 'exists'), ValueError('x')]
)
def test_our_own_defects_keep_their_traceback(error):
    with pytest.raises(type(error)):
        ended(error)


def test_what_is_said_commands_no_terminal(capsys):
    @command
    def main():
        raise InputError('a name \x1b]0;title\x07 of\nothers\x9b31m')

    assert main() == 2
    assert capsys.readouterr().err == 'error: a name \ufffd]0;title\ufffd of\nothers\ufffd31m\n'


@pytest.mark.parametrize(
    ('name', 'suggested'),
    [('GTADatasets', 'GTADataset'), ('probability', 'prob'), ('copy', 'copy_student'), ('NoSuchHead', None)],
)
def test_only_a_name_that_could_be_meant_is_suggested(name, suggested):
    known = ['GTADataset', 'prob', 'copy_student', 'PSPHead']
    assert nearest(name, known) == (f' Did you mean {suggested!r}?' if suggested else '')

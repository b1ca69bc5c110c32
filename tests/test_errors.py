"""A command says in one sentence what a user got wrong."""

import errno

import pytest

from mmseg.errors import InputError, RepeatedError, command, nearest


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

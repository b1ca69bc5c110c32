import shutil
import zipfile

import pytest
import torch

from mmseg.engine.checkpoints import checkpoint_io
from mmseg.engine.checkpoints.checkpoint_io import (
    keep_newest,
    point_latest_to,
    read_checkpoint,
    remove_unfinished,
    save_atomically,
    saved_iterations,
)
from mmseg.errors import InputError


class Crash(BaseException):
    """Stands for the end of the process."""


def state(number):
    return {'meta': {'iter': number, 'seed': 0}, 'state_dict': {'w': torch.full((3,), float(number))}, 'optimizer': {}}


def test_a_crash_while_writing_leaves_the_previous_file_whole(tmp_path, monkeypatch):
    path = tmp_path / 'iter_1.pth'
    save_atomically(state(1), path)

    def half(_, file):
        file.write(b'half a checkpoint')
        raise Crash

    monkeypatch.setattr(checkpoint_io.torch, 'save', half)
    with pytest.raises(Crash):
        save_atomically(state(2), path)
    assert read_checkpoint(path)['meta']['iter'] == 1
    assert [p.name for p in tmp_path.iterdir()] == ['iter_1.pth']


def test_what_killed_processes_of_earlier_versions_left_is_removed_at_the_start_of_a_run(tmp_path):
    for name in ('.iter_7.pth.tmp', '.latest.pth.123.tmp', '.notes.tmp'):
        (tmp_path / name).write_bytes(b'half')
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['.notes.tmp']


def test_latest_follows_and_outlives_what_it_was_made_from(tmp_path):
    run = tmp_path / 'run'
    run.mkdir()
    for number in (1, 2):
        save_atomically(state(number), run / f'iter_{number}.pth')
        point_latest_to(run / f'iter_{number}.pth')
    point_latest_to(run / 'iter_2.pth')  # twice the same: nothing may be left behind
    assert sorted(p.name for p in run.iterdir()) == ['iter_1.pth', 'iter_2.pth', 'latest.pth']
    (run / 'iter_2.pth').unlink()
    moved = shutil.move(run, tmp_path / 'moved')
    assert read_checkpoint(moved / 'latest.pth')['meta']['iter'] == 2


def test_latest_is_a_copy_where_links_are_impossible(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError('no links here')

    monkeypatch.setattr(checkpoint_io.os, 'link', refuse)
    save_atomically(state(3), tmp_path / 'iter_3.pth')
    assert read_checkpoint(point_latest_to(tmp_path / 'iter_3.pth'))['meta']['iter'] == 3


def test_the_newest_are_kept_by_number_not_by_name(tmp_path):
    for number in (8, 9, 10, 100):
        (tmp_path / f'iter_{number}.pth').touch()
    (tmp_path / 'iter_best.pth').touch()
    keep_newest(tmp_path, -1)
    assert len(saved_iterations(tmp_path)) == 4
    keep_newest(tmp_path, 2)
    assert [p.name for p in saved_iterations(tmp_path)] == ['iter_10.pth', 'iter_100.pth']
    assert (tmp_path / 'iter_best.pth').exists()


def test_files_that_training_cannot_go_on_from_are_refused(tmp_path):
    with pytest.raises(InputError, match='no checkpoint'):
        read_checkpoint(tmp_path / 'absent.pth')
    (tmp_path / 'text.pth').write_text('not a checkpoint')
    with pytest.raises(InputError, match=r'text\.pth'):
        read_checkpoint(tmp_path / 'text.pth')
    torch.save({'state_dict': {}, 'meta': {}}, tmp_path / 'weights.pth')
    with pytest.raises(InputError, match=r'holds no optimizer.*load_from'):
        read_checkpoint(tmp_path / 'weights.pth')


def test_a_damaged_file_is_named_in_one_line(tmp_path):
    path = tmp_path / 'latest.pth'
    path.write_text('x\n')
    with pytest.raises(InputError) as refused:
        read_checkpoint(path)
    assert str(path) in str(refused.value)
    assert '\n' not in str(refused.value)


@pytest.mark.parametrize(
    ('place', 'value'),
    [
        ('meta', 5),
        ('meta.iter', 'x'),
        ('meta.iter', -1),
        ('meta.seed', None),
        ('meta.processes', 0),
        ('meta.config', {}),
        ('state_dict', []),
        ('state_dict', {'w': 5}),
        ('state_dict', {1: torch.zeros(1)}),
        ('optimizer', []),
        ('optimizer.state', {'a': {}}),
        ('optimizer.state', {0: 5}),
        ('optimizer.param_groups', 5),
        ('optimizer.gradients', [5]),
        ('processes', [5]),
    ],
)
def test_a_state_of_another_form_is_named_by_place(tmp_path, place, value):
    content = state(1)
    *parents, last = place.split('.')
    part = content
    for parent in parents:
        part = part[parent]
    part[last] = value
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(InputError, match=rf'x\.pth .*{place}'):
        read_checkpoint(tmp_path / 'x.pth')


@pytest.mark.parametrize(
    'tensor', [torch.zeros(3, device='meta'), torch.zeros(3).to_sparse(), torch.zeros(3, dtype=torch.complex64)]
)
def test_a_state_without_plain_values_is_named(tmp_path, tensor):
    torch.save({**state(1), 'state_dict': {'w': tensor}}, tmp_path / 'iter_1.pth')
    with pytest.raises(InputError, match='w is sparse, quantised, complex or has no values'):
        read_checkpoint(tmp_path / 'iter_1.pth')


class Evil:
    def __reduce__(self):
        return print, ('run',)


def test_a_file_that_is_whole_and_no_state_is_told_what_it_is(tmp_path, capsys):
    torch.save({**state(1), 'optimizer': Evil()}, tmp_path / 'evil.pth')
    with pytest.raises(InputError, match='holds other Python objects than weights, which could run any code'):
        read_checkpoint(tmp_path / 'evil.pth')
    assert capsys.readouterr().out == ''
    with zipfile.ZipFile(tmp_path / 'other.pth', 'w') as archive:
        archive.writestr('photos/1.txt', 'x')
    with pytest.raises(InputError, match=r"a zip archive of something else \(it holds 'photos/1\.txt'\)"):
        read_checkpoint(tmp_path / 'other.pth')


def test_a_record_of_the_machine_of_another_form_is_named(tmp_path):
    odd = state(1)
    odd['meta']['env_info'] = 3
    torch.save(odd, tmp_path / 'odd.pth')
    with pytest.raises(InputError, match=r'meta\.env_info has to be a dict'):
        read_checkpoint(tmp_path / 'odd.pth')

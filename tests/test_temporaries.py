"""What a process that is killed while it writes leaves behind, and who takes it away."""

import os
import subprocess
import sys

import pytest

from mmseg import temporaries
from mmseg.temporaries import remove_leftovers, temporary_name
from mmseg.writing import replacing, replacing_folder, write_text

BEGIN = {
    'file': 'with writing.replacing(path) as begun: begun.write_text("half"); wait()',
    'folder': 'with writing.replacing_folder(path) as begun: (begun / "part").write_text("half"); wait()',
    'video': 'begun = writing.begin_file(path, ending=".mp4"); wait()',
    'checkpoint': """
import torch
from mmseg.engine.checkpoints import checkpoint_io
def half(state, file): file.write(b"half"); file.flush(); wait()
torch.save = half
checkpoint_io.save_atomically({}, path)""",
}


def writer(path, way='file'):
    """A process that is in the middle of writing ``path``."""
    text = f'def wait(): print(flush=True); sys.stdin.read()\npath = Path({str(path)!r})\n{BEGIN[way]}'
    command = [sys.executable, '-c', f'import sys\nfrom pathlib import Path\nfrom mmseg import writing\n{text}']
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def kill(process):
    process.kill()
    process.communicate()


SLOW = {'checkpoint': pytest.mark.slow}  # torch is imported


@pytest.mark.parametrize('way', [pytest.param(way, marks=SLOW.get(way, ())) for way in BEGIN])
def test_whoever_writes_next_takes_away_what_a_killed_process_has_begun(tmp_path, way):
    kill(writer(tmp_path / 'begun', way))
    assert len(os.listdir(tmp_path)) == 1
    write_text(tmp_path / 'other.txt', 'whole')
    assert os.listdir(tmp_path) == ['other.txt']


def test_what_a_living_process_writes_stays(tmp_path):
    process = writer(tmp_path / 'begun')
    try:
        remove_leftovers(tmp_path)
        assert len(os.listdir(tmp_path)) == 1
    finally:
        kill(process)


def test_what_another_computer_writes_stays_until_it_is_a_day_old(tmp_path, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(temporaries, '_host', lambda: '0123abcd')
        other = temporary_name(tmp_path / 'begun')
    other.write_text('half')
    remove_leftovers(tmp_path)
    assert other.exists()
    day = other.stat().st_mtime - 25 * 60 * 60
    os.utime(other, (day, day))
    remove_leftovers(tmp_path)
    assert not other.exists()


def test_names_that_are_not_ours_stay(tmp_path):
    names = ['film.part1', '.notes.tmp', '.notes.1.tmp', 'a.0123abcd-1.tmp', '.a.0123abcd-x.tmp', '.a.123abcd-1.tmp']
    for name in names:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(names)


def test_a_link_of_such_a_name_is_taken_away_and_not_followed(tmp_path):
    kept = tmp_path / 'kept'
    kept.mkdir()
    (kept / 'file').touch()
    process = writer(tmp_path / 'begun')
    kill(process)
    (left,) = tmp_path.glob('.*')
    left.unlink()
    left.symlink_to(kept)
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ['kept']
    assert os.listdir(kept) == ['file']


def test_the_longest_names_that_a_disk_takes_can_be_written(tmp_path):
    name = 'ä' * 125 + '.json'
    write_text(tmp_path / name, 'whole')
    with replacing_folder(tmp_path / ('x' * 255)) as folder:
        (folder / 'part').touch()
    assert sorted(os.listdir(tmp_path)) == sorted([name, 'x' * 255])


def test_two_long_names_of_one_beginning_are_two_files(tmp_path):
    first, second = tmp_path / ('x' * 240 + '1'), tmp_path / ('x' * 240 + '2')
    with replacing(first) as one, replacing(second) as other:
        one.write_text('1')
        other.write_text('2')
    assert (first.read_text(), second.read_text()) == ('1', '2')

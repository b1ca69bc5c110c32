import json
import zipfile

import pytest
import torch

from mmseg.engine.checkpoint_io import point_latest_to, save_atomically
from mmseg.engine.recovery import newest_whole, usable_config_of
from mmseg.errors import InputError

CONFIG = {'model': {'type': 'Net'}, 'seed': 3}


def damage(path):
    """Flip one bit of the largest tensor in a checkpoint."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = archive.read(max(archive.infolist(), key=lambda entry: entry.file_size))
    content[content.find(largest) + len(largest) // 2] ^= 0x40
    path.unlink()  # else every hard link to it would be damaged too
    path.write_bytes(bytes(content))


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    for number in (5, 10):
        meta = {'iter': number, 'seed': 3, 'config': json.dumps(CONFIG)}
        state = {'meta': meta, 'state_dict': {'w': torch.zeros(1000)}, 'optimizer': {}}
        save_atomically(state, folder / f'iter_{number}.pth')
    point_latest_to(folder / 'iter_10.pth')
    return folder


@pytest.fixture
def warnings(monkeypatch):
    said = []
    monkeypatch.setattr('mmseg.engine.recovery.print_log', lambda text, *_: said.append(text))
    return said


def test_the_newest_whole_checkpoint_is_taken_and_a_warning_names_both(run, warnings):
    assert newest_whole(run).name == 'latest.pth'
    damage(run / 'latest.pth')
    assert newest_whole(run).name == 'iter_10.pth'
    damage(run / 'iter_10.pth')
    assert newest_whole(run).name == 'iter_5.pth'
    assert len(warnings) == 2
    for name in ('latest.pth is damaged', 'iter_10.pth is damaged', 'Going on from iter_5.pth'):
        assert name in warnings[1]


@pytest.mark.parametrize('content', [b'', b'no checkpoint'])
def test_a_latest_file_of_another_kind_is_passed_over(run, warnings, content):
    (run / 'latest.pth').unlink()
    (run / 'latest.pth').write_bytes(content)
    assert newest_whole(run).name == 'iter_10.pth'


def test_a_run_of_which_nothing_is_whole_is_refused_by_the_names_of_its_files(run):
    for name in ('latest.pth', 'iter_10.pth', 'iter_5.pth'):
        damage(run / name)
    with pytest.raises(InputError, match=r'latest\.pth is damaged.*iter_10\.pth is damaged.*iter_5\.pth is damaged'):
        newest_whole(run)


def test_a_folder_without_checkpoints_has_none(tmp_path):
    assert newest_whole(tmp_path) is None


@pytest.mark.parametrize('content', [None, '', '{"model": {"ty', '[1]'])
def test_a_config_that_is_missing_or_cut_is_taken_from_the_checkpoint(run, warnings, content):
    if content is not None:
        (run / 'run.json').write_text(content)
    assert usable_config_of(run) == run / 'run.json'
    assert json.loads((run / 'run.json').read_text()) == CONFIG
    assert len(warnings) == 1
    assert 'run.json' in warnings[0]
    assert 'latest.pth' in warnings[0]


def test_a_config_that_is_whole_stays_as_it_is(run, warnings):
    (run / 'run.json').write_text('{"seed": 4}')
    assert usable_config_of(run).read_text() == '{"seed": 4}'
    assert not warnings


def test_a_cut_config_without_a_checkpoint_is_named(tmp_path):
    (tmp_path / f'{tmp_path.name}.json').write_text('{"mo')
    with pytest.raises(InputError, match=r'\.json is cut off or damaged, and there is no checkpoint'):
        usable_config_of(tmp_path)

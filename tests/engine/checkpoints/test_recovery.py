import json
import zipfile

import pytest
import torch

from mmseg.engine.checkpoints.checkpoint_io import point_latest_to, save_atomically
from mmseg.engine.checkpoints.recovery import newest_whole, refuse_to_mix, usable_config_of
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
    monkeypatch.setattr('mmseg.engine.checkpoints.recovery.print_log', lambda text, *_: said.append(text))
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


def test_the_newest_whole_state_of_a_folder_is_gone_on_from_there(run, tmp_path):
    refuse_to_mix(run, run / 'latest.pth', 10)
    refuse_to_mix(run, run / 'iter_10.pth', 10)
    refuse_to_mix(tmp_path / 'absent', run / 'iter_5.pth', 5)
    best = run / 'best_mIoU_iter_15.pth'  # saved with its evaluation, before the next checkpoint
    best.write_bytes(b'of iteration 15')
    refuse_to_mix(run, best, 15)
    content = (run / 'latest.pth').read_bytes()
    (run / 'latest.pth').unlink()
    (run / 'latest.pth').write_bytes(content)  # as where a file system has no links
    refuse_to_mix(run, run / 'iter_10.pth', 10)
    for name in ('latest.pth', 'iter_10.pth'):
        damage(run / name)
    refuse_to_mix(run, run / 'iter_5.pth', 5)


def test_two_runs_and_two_pasts_of_one_run_are_not_mixed_in_a_folder(run, tmp_path):
    with pytest.raises(InputError, match=r'holds latest\.pth, which is newer than .*iter_5\.pth.* --resume '):
        refuse_to_mix(run, run / 'iter_5.pth', 5)
    best = run / 'best_mIoU_iter_5.pth'
    (run / 'iter_5.pth').rename(best)
    with pytest.raises(InputError, match='is newer than'):
        refuse_to_mix(run, best, 5)
    copied = tmp_path / 'copy.pth'
    copied.write_bytes((run / 'iter_10.pth').read_bytes())
    with pytest.raises(
        InputError, match=r'holds latest\.pth, which is of another run than .*copy\.pth.*new --work-dir'
    ):
        refuse_to_mix(run, copied, 10)
    damage(run / 'latest.pth')
    damage(run / 'iter_10.pth')
    with pytest.raises(InputError, match='of another run'):
        refuse_to_mix(run, copied, 10)
    with pytest.raises(InputError, match='holds the checkpoints of an earlier run'):
        refuse_to_mix(run, None, 0)

import pytest
import torch

from mmseg.engine.checkpoints.checkpoint_io import read_checkpoint
from mmseg.errors import InputError
from mmseg.models.weights import load_checkpoint
from mmseg.models.weights.damage import damage_of


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / 'latest.pth'
    weights = {'weight': torch.arange(40.0), 'bias': torch.ones(3)}
    torch.save({'meta': {'iter': 3, 'seed': 0}, 'state_dict': weights, 'optimizer': {}}, path)
    return path


def test_a_flipped_bit_is_found_wherever_it_is_or_changes_nothing(saved, tmp_path):
    whole = saved.read_bytes()
    wanted = read_checkpoint(saved)
    path = tmp_path / 'flipped.pth'
    found = 0
    for position in range(0, len(whole), 7):
        content = bytearray(whole)
        content[position] ^= 0x10
        path.write_bytes(bytes(content))
        try:
            state = read_checkpoint(path)
        except InputError:
            found += 1
            continue
        assert state['meta'] == wanted['meta'], position
        for name, value in wanted['state_dict'].items():
            assert torch.equal(state['state_dict'][name], value), (position, name)
    assert found > 100


@pytest.mark.parametrize('share', [0.0, 0.3, 0.99])
def test_a_file_that_was_cut_off_is_called_damaged_by_every_reader(saved, share):
    saved.write_bytes(saved.read_bytes()[: int(saved.stat().st_size * share)])
    assert damage_of(saved)
    for read in (read_checkpoint, load_checkpoint):
        with pytest.raises(InputError, match=r'latest\.pth is .*damaged: it is'):
            read(saved)


def test_files_that_have_no_checksums_are_taken_as_they_are(tmp_path):
    weights = {'weight': torch.arange(40.0)}
    torch.save(weights, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(weights, tmp_path / 'without.pth')
    finally:
        torch.serialization.set_crc32_options(True)
    for name in ('old.pth', 'without.pth'):
        assert damage_of(tmp_path / name) is None
        assert torch.equal(load_checkpoint(tmp_path / name)['weight'], weights['weight'])

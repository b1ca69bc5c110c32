import json
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from mmseg.engine import distributed
from mmseg.engine.stop import PeerLost
from mmseg.errors import InputError
from tests.engine.pair import run_pair


def failing(in_rank: int | None, error: Exception | None, rank: int) -> int:
    """``rank``, or an error in one of the processes."""
    if rank == in_rank and error is not None:
        raise error
    return rank


def outcome(function, *args) -> str:
    """What ``function`` makes of work that may fail in one process."""
    try:
        return str(function(lambda: failing(*args, distributed.get_rank())))
    except (InputError, PeerLost, ValueError) as error:
        return f'{type(error).__name__}: {error}'


def agree(folder: Path) -> int:
    """Everything that processes agree on, written down by each of them."""
    torch.set_num_threads(1)
    distributed.join_processes()
    rank = distributed.get_rank()
    net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1), nn.Linear(1, 1), nn.Linear(1, 1))
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.fill_(rank + 1)
    net.register_buffer('flag', torch.tensor([rank == 0, False]))
    before = distributed.differences(net.named_parameters())
    distributed.broadcast_module(net)
    said = {
        'before': before,
        'after': distributed.differences(net.named_parameters()),
        'weights': [value.tolist() for value in net.state_dict().values()],
    }
    said['largest'] = distributed.largest(15 * rank)
    said['gathered'] = distributed.gather(f'of {rank}')
    said['on_main'] = distributed.gather_on_main(rank)
    said['means'] = distributed.mean_values({'both': rank, f'only {rank}': 7.0})
    said['fine'] = [outcome(distributed.on_main, None, None), outcome(distributed.main_first, None, None)]
    said['user'] = [
        outcome(distributed.on_main, 0, InputError('no such file')),
        outcome(distributed.main_first, 0, InputError('no such file')),
        outcome(distributed.main_first, 1, InputError('no such file')),
    ]
    said['defect'] = [
        outcome(function, 0, ValueError('x')) for function in (distributed.on_main, distributed.main_first)
    ]
    (folder / f'{rank}.json').write_text(json.dumps(said))
    return 0


@pytest.fixture(scope='module')
def said(tmp_path_factory):
    folder = tmp_path_factory.mktemp('agree')
    assert run_pair(agree, folder) == 0
    return [json.loads((folder / f'{rank}.json').read_text()) for rank in (0, 1)]


def test_two_processes_start_with_the_weights_and_buffers_of_the_first(said):
    first, second = said
    assert first['weights'] == second['weights']
    assert first['weights'][:3] == [[True, False], [[1.0, 1.0]], [1.0]]


def test_networks_that_differ_are_named_by_process_until_they_are_alike(said):
    names = ['0.weight', '0.bias', '1.weight', '1.bias', '2.weight', '2.bias', '3.weight', '3.bias']
    for one in said:
        assert one['before'] == [[], names]
        assert one['after'] == [[], []]


def test_messages_hold_one_type_each_and_no_more_than_asked_unless_a_tensor_is_larger():
    a, b, c, d = (torch.zeros(count) for count in (3, 2, 9, 1))
    whole = torch.zeros(2, dtype=torch.int64)
    packed = distributed.messages([a, whole, b, c, d], limit=20)
    assert [[id(x) for x in group] for group in packed] == [[id(a), id(b)], [id(whole)], [id(c)], [id(d)]]
    assert distributed.messages([]) == []


@pytest.mark.parametrize('shape', [(), (3,), (2, 3), (4, 1, 3, 3), (4, 2, 3, 3), (4, 2, 1, 1), (0, 2)])
def test_a_tensor_in_the_order_of_memory_is_a_view(shape):
    last = torch.randn(shape)
    if last.dim() == 4:
        last = last.contiguous(memory_format=torch.channels_last)
    for tensor in (torch.randn(shape), last, torch.randn(shape).T if len(shape) == 2 else last):
        flat = distributed.as_it_lies(tensor)
        assert flat.shape == (tensor.numel(),)
        assert flat.data_ptr() == tensor.data_ptr()
        assert torch.equal(flat.sort().values, tensor.flatten().sort().values)


def test_numbers_and_objects_of_all_processes(said):
    assert [one['largest'] for one in said] == [15, 15]
    assert [one['gathered'] for one in said] == [['of 0', 'of 1']] * 2
    assert [one['on_main'] for one in said] == [[0, 1], []]
    assert [one['means'] for one in said] == [{'both': 0.5, 'only 0': 7.0, 'only 1': 7.0}] * 2


def test_the_first_process_works_for_all_or_before_the_others(said):
    assert [one['fine'] for one in said] == [['0', '0'], ['0', '1']]


def test_a_mistake_in_one_process_is_raised_in_all_and_said_by_one(said):
    mine, repeated = 'InputError: no such file', 'RepeatedError: no such file'
    assert [one['user'] for one in said] == [[mine, mine, repeated], [repeated, repeated, mine]]


def test_a_defect_in_one_process_ends_the_others(said):
    first, second = said
    assert first['defect'] == ['ValueError: x'] * 2
    assert second['defect'] == ['PeerLost: Another process of this run failed: x'] * 2


def test_one_process_is_left_alone():
    assert 'WORLD_SIZE' not in os.environ
    distributed.join_processes()
    distributed.broadcast_module(nn.Linear(2, 1))
    assert distributed.largest(3) == 3
    assert distributed.main_first(lambda: 5) == distributed.on_main(lambda: 5) == 5

import os

import pytest
import torch
from torch import distributed, multiprocessing, nn

from mmseg.engine.distributed import average_gradients, broadcast_module


def agree(rank: int, file: str, results) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group('gloo', init_method=f'file://{file}', rank=rank, world_size=2)
    torch.manual_seed(rank)
    net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    net[1].running_mean.fill_(rank + 1.0)
    net[1].weight.requires_grad_(False)
    broadcast_module(net)
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, rank + 1.0) if parameter.requires_grad else None
    average_gradients(net.parameters())
    weights = [value.tolist() for value in net.state_dict().values()]
    results.put((rank, weights, [p.grad.flatten().tolist() for p in net.parameters() if p.grad is not None]))
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_start_alike_and_move_along_their_mean_gradient(tmp_path):
    context = multiprocessing.get_context('spawn')
    results = context.SimpleQueue()
    processes = [context.Process(target=agree, args=(r, str(tmp_path / 'meet'), results)) for r in range(2)]
    for process in processes:
        process.start()
    (_, first, gradients), (_, second, others) = (results.get() for _ in range(2))
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert first == second
    assert gradients == others == [[1.5, 1.5], [1.5], [1.5]]


def test_one_process_is_left_alone():
    assert 'WORLD_SIZE' not in os.environ
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.ones(1, 2)
    broadcast_module(layer)
    average_gradients(layer.parameters())
    assert layer.weight.grad.tolist() == [[1.0, 1.0]]

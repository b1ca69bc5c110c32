"""Gradients of two processes, against a plain exchange behind the last way back."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from mmseg.engine import distributed
from mmseg.engine.gradient_exchange import GradientExchange
from mmseg.engine.optim import StudentOptimWrapper, build_optim_wrapper, exchange_of
from mmseg.models.networks import Network, Role
from tests.engine.pair import run_pair

SHAPES = [(3, 2), (2, 2, 3, 3), (7,), (4, 1, 3, 3), (), (5,)]
#: courses of steps: for each process its terms by step, and of a term the parameters that it reaches
SAME = [[[0, 1, 2, 3, 4], [0, 2, 5]]] * 3
COURSES: dict[str, tuple[list, list]] = {
    'two terms': (SAME, SAME),
    'one term': ([[[0, 1, 2, 3, 4, 5]]] * 3, [[[0, 1, 2, 3, 4, 5]]] * 3),
    'a parameter in the first term alone': ([[[0, 4], [0, 1]]] * 3, [[[0, 4], [0, 1]]] * 3),
    'a parameter in the second process alone': ([[[0], [1]]] * 3, [[[0], [1, 3]]] * 3),
    'a parameter that comes unexpected': ([[[0, 1]], [[0, 1]], [[0, 1, 5]]], [[[0, 1]]] * 3),
    'a parameter that is gone': ([[[0, 5]], [[0, 5]], [[0]]], [[[0, 5]], [[0, 5]], [[0, 5]]]),
    'a term more and a term less': (
        [[[0, 1], [0]], [[0, 1], [0], [1, 5]], [[0, 1]]],
        [[[0, 1], [0]], [[0, 1], [0], [1, 5]], [[0, 1]]],
    ),
    'a term more in one process': ([[[0, 1], [0]]] * 3, [[[0, 1], [0]], [[0, 1], [0], [1, 5]], [[0], [0]]]),
    'a term less in one process': ([[[0, 1], [0]]] * 3, [[[0, 1], [0]], [[0, 1]], [[0, 1], [0]]]),
    'networks with optimizers of their own in turns': ([[[0, 1], [5]]] * 3, [[[0, 1], [5]]] * 3),
}


def parameters() -> list[nn.Parameter]:
    """Of several layouts, one of them in double precision."""
    made = [nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    made[1].data = made[1].data.contiguous(memory_format=torch.channels_last)
    made[2].data = made[2].data.double()
    return made


def loss_of(reached: list[nn.Parameter], generator: torch.Generator) -> torch.Tensor:
    """Something whose gradients are drawn."""
    return sum((p * torch.randn(p.shape, generator=generator, dtype=p.dtype)).sum().float() for p in reached)


class Model(nn.Module):
    """Counts accumulation by itself, as a method does."""

    def __init__(self, members: list[nn.Parameter], accumulate: int = 1) -> None:
        super().__init__()
        self.members, self.accumulate, self.steps = nn.ParameterList(members), accumulate, 0

    def ends_accumulation(self) -> bool:
        return (self.steps + 1) % self.accumulate == 0


def shown(members: list[nn.Parameter]) -> list:
    return [None if p.grad is None else p.grad.tolist() for p in members]


def ours(steps: list, rank: int, limit: int, accumulate: int = 1) -> list:
    """Gradients behind the exchange of every step."""
    members = parameters()
    exchange = GradientExchange(members, limit=limit)
    wrapper = StudentOptimWrapper(torch.optim.SGD(members, lr=0.0), accumulate=accumulate, exchange=exchange)
    model, generator, found = Model(members, accumulate), torch.Generator().manual_seed(rank), []
    for step in steps:
        if model.steps % accumulate == 0:
            wrapper.zero_grad()
        for term in step:
            with wrapper.optim_context(model):
                loss = loss_of([members[i] for i in term], generator)
            wrapper.backward(loss)
        if model.ends_accumulation():
            wrapper.step()
            found.append(shown(members))
        model.steps += 1
    return found


def plain(steps: list, rank: int, accumulate: int = 1) -> list:
    """The same by one message for each parameter, behind everything."""
    members, generator, found = parameters(), torch.Generator().manual_seed(rank), []
    for number, step in enumerate(steps, 1):
        for term in step:
            loss_of([members[i] for i in term], generator).backward()
        if number % accumulate:
            continue
        for p in members:
            used = distributed.largest(p.grad is not None)
            if used:
                p.grad = torch.zeros_like(p) if p.grad is None else p.grad
                torch.distributed.all_reduce(p.grad)
                p.grad /= 2
        found.append(shown(members))
        for p in members:
            p.grad = None
    return found


def events(steps: list, *, overlap: bool = True, accumulate: int = 1) -> list[list[str]]:
    """What happens in every iteration of three layers behind each other: messages that go, and ends of ways back."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    names = {p.numel(): name for name, p in net[0].named_parameters()}
    members = list(net.parameters())
    exchange = GradientExchange(members, overlap=overlap, limit=24)  # a layer each
    wrapper = StudentOptimWrapper(torch.optim.SGD(members, lr=0.0), accumulate=accumulate, exchange=exchange)
    model, seen = Model(members, accumulate), []
    whole = distributed.begin_mean
    distributed.begin_mean = lambda message: (seen[-1].append('message'), whole(message))[1]
    net[0].weight.register_post_accumulate_grad_hook(lambda _: seen[-1].append(f'{names[4]} of the first layer'))
    for step in steps:
        seen.append([])
        for term in step:
            with wrapper.optim_context(model):
                output = torch.ones(1, 2)
                for layer in term:
                    output = net[layer](output)
            wrapper.backward(output.sum())
            seen[-1].append('end')
        if model.ends_accumulation():
            wrapper.step()
        model.steps += 1
    distributed.begin_mean = whole
    return seen


class Method(Model):
    """With a network that has an optimizer of its own."""

    def __init__(self) -> None:
        super().__init__([])
        self.model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 1))
        self.rival = nn.Linear(1, 1)
        self.model[0].bias.requires_grad_(False)

    def networks(self) -> list[Network]:
        own = {'type': 'Adam', 'lr': 0.01}
        return [Network('model', self.model, Role.LEARNS), Network('rival', self.rival, Role.LEARNS, optimizer=own)]


def exchange_all(folder: Path) -> int:
    """Everything that the tests look at, written down by each process."""
    torch.set_num_threads(1)
    distributed.join_processes()
    rank = distributed.get_rank()
    said: dict = {}
    for name, courses in COURSES.items():
        said[name] = [plain(courses[rank], rank), *(ours(courses[rank], rank, limit) for limit in (1, 60, 10**6))]
    four = [*SAME, *SAME]
    said['accumulated'] = [plain(four, rank, 2), *(ours(four, rank, limit, 2) for limit in (1, 10**6))]
    all_layers, two_terms = [[[0, 1, 2]]] * 2, [[[0, 1, 2], [0, 2]]] * 2
    said['events'] = {
        'one term': events(all_layers),
        'two terms': events(two_terms),
        'synchronised': events(all_layers, overlap=False),
        'accumulated': events([[[0, 1, 2]]] * 4, accumulate=2),
    }
    (folder / f'{rank}.json').write_text(json.dumps(said))
    return 0


@pytest.fixture(scope='module')
def said(tmp_path_factory):
    folder = tmp_path_factory.mktemp('exchange')
    assert run_pair(exchange_all, folder) == 0
    return [json.loads((folder / f'{rank}.json').read_text()) for rank in (0, 1)]


@pytest.mark.parametrize('course', [*COURSES, 'accumulated'])
def test_means_are_those_of_a_plain_exchange_bit_for_bit_whatever_takes_part_and_is_packed_together(said, course):
    for expected, *found in (one[course] for one in said):
        assert any(gradient for gradient in expected[-1])
        for mine in found:
            assert mine == expected
    assert said[0][course] == said[1][course]


def test_a_parameter_that_took_no_part_anywhere_has_no_gradient(said):
    for one in said:
        for mine in one['a parameter in the second process alone']:
            assert [[g is not None for g in step] for step in mine] == [[True, True, False, True, False, False]] * 3


def test_messages_go_while_the_last_way_back_runs_from_the_second_step_on(said):
    last = 'weight of the first layer'
    for one in said:
        assert one['events']['one term'] == [
            [last, 'end', 'message', 'message', 'message'],
            ['message', 'message', last, 'message', 'end'],
        ]
        first, second = one['events']['two terms']
        assert first == [last, 'end', last, 'end', 'message', 'message', 'message']
        # nothing in the first way back; the layer that has no part in the second goes before it
        assert second == [last, 'end', 'message', 'message', last, 'message', 'end']


def test_nothing_goes_in_a_way_back_that_sends_by_itself_or_is_followed_by_no_step(said):
    last = 'weight of the first layer'
    for one in said:
        assert one['events']['synchronised'] == [[last, 'end', 'message', 'message', 'message']] * 2
        waiting, first, still, second = one['events']['accumulated']
        assert waiting == still == [last, 'end']
        assert first == [last, 'end', 'message', 'message', 'message']
        assert second == ['message', 'message', last, 'message', 'end']


def test_one_process_has_no_hooks_and_keeps_its_gradients():
    layer = nn.Linear(2, 1)
    wrapper = build_optim_wrapper(layer, {'type': 'SGD', 'lr': 0.0})
    with wrapper.optim_context(layer):
        loss = layer(torch.ones(1, 2)).sum()
    wrapper.backward(loss)
    wrapper.step()
    assert layer.weight.grad.tolist() == [[1.0, 1.0]]
    assert not layer.weight._post_accumulate_grad_hooks


def test_all_that_moves_is_exchanged_in_order_of_registration():
    method = Method()
    optimizer = build_optim_wrapper(
        method, {'type': 'SGD', 'lr': 0.1, 'paramwise_cfg': {'norm_decay_mult': 0.0}}
    ).optimizer
    names = {parameter: name for name, parameter in method.named_parameters()}
    found = [names[parameter] for parameter in exchange_of(method, optimizer).parameters]
    student = ['model.0.weight', 'model.1.weight', 'model.1.bias', 'model.2.weight', 'model.2.bias']
    assert found == [*student, 'rival.weight', 'rival.bias']


@pytest.mark.parametrize(('norm', 'overlaps'), [(nn.BatchNorm2d, True), (nn.SyncBatchNorm, False)])
def test_gradients_wait_for_the_end_where_norms_are_synchronised(norm, overlaps):
    model = nn.Sequential(nn.Conv2d(2, 2, 1), norm(2))
    assert exchange_of(model, torch.optim.SGD(model.parameters(), lr=0.1)).overlap is overlaps

"""Weights cast at once compute, bit for bit, what autocast computes with each cast in its place."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmseg.engine import optim
from mmseg.engine.optim import StudentOptimWrapper
from mmseg.models.half_weights import HalfWeights
from mmseg.models.networks import Role
from tests.models.uda.tiny import batch, dacs, segmentor, with_feature_distance


class WeightCasts(TorchDispatchMode):
    """Counts casts, by shape."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._to_copy.default and (kwargs or {}).get('dtype') is torch.bfloat16:
            self.shapes.append(tuple(args[0].shape))
        return func(*args, **(kwargs or {}))


class ByAutocast(HalfWeights):
    """Does nothing: autocast casts by itself."""

    def __init__(self, network, dtype):
        super().__init__(nn.Identity(), dtype)


def two_steps(model, monkeypatch, halves: type[HalfWeights]) -> list[Tensor]:
    """Weights and buffers after two steps in bf16."""
    monkeypatch.setattr(optim, 'HalfWeights', halves)
    model = copy.deepcopy(model)
    wrapper = StudentOptimWrapper(torch.optim.AdamW(model.model.parameters(), lr=1e-3), precision='bf16')
    for seed in range(2):
        torch.manual_seed(seed)
        model.train_step(batch(seed), wrapper)
    return [*model.state_dict().values(), *(p.grad for p in model.model.parameters())]


@pytest.mark.parametrize('fuse', [False, True])
def test_two_steps_give_the_same_bits_as_with_casts_by_autocast(monkeypatch, fuse):
    model = dacs(**with_feature_distance(fuse_forward=fuse), model=segmentor(dropout_ratio=0.1, drop=0.2))
    for ours, plain in zip(
        two_steps(model, monkeypatch, HalfWeights), two_steps(model, monkeypatch, ByAutocast), strict=True
    ):
        assert torch.equal(ours, plain)


def test_no_weight_is_cast_in_a_step_and_all_are_themselves_again_afterwards():
    model = dacs(**with_feature_distance())
    before = {name: id(parameter) for name, parameter in model.named_parameters()}
    wrapper = StudentOptimWrapper(torch.optim.AdamW(model.model.parameters(), lr=1e-3), precision='bf16')
    weights = {tuple(p.shape) for m in model.model.modules() if isinstance(m, nn.Conv2d) for p in m.parameters()}
    with WeightCasts() as casts:
        model.train_step(batch(), wrapper)
    assert casts.shapes  # of activations
    assert not weights & set(casts.shapes)
    assert {name: id(parameter) for name, parameter in model.named_parameters()} == before
    assert all(p.dtype is torch.float32 for p in model.parameters())
    assert all(p.grad is None or p.grad.dtype is torch.float32 for p in model.parameters())


def test_copies_of_networks_that_do_not_learn_follow_every_change_and_are_made_once_else():
    network = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    halves = HalfWeights(network, torch.bfloat16)
    seen = []
    for change in (lambda: None, lambda: None, lambda: network[0].load_state_dict(nn.Linear(2, 2).state_dict())):
        change()
        expected = network[0].weight.detach().bfloat16()
        with halves.put_in(learns=False):
            assert torch.equal(network[0].weight, expected)
            assert network[1].weight.dtype is torch.float32
            seen.append((network[0].weight, network[0].weight._version))
    assert all(weight is seen[0][0] for weight, _ in seen)
    assert seen[0][1] == seen[1][1] < seen[2][1]


def test_weights_are_put_back_after_an_error():
    layer = nn.Linear(2, 2)
    weight = layer.weight
    with pytest.raises(RuntimeError), HalfWeights(layer, torch.bfloat16).put_in(learns=True):
        layer(torch.zeros(1, 3))
    assert layer.weight is weight


def test_a_weight_that_is_not_trained_gets_no_gradient_and_one_that_is_not_used_has_none():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].requires_grad_(False)
    with torch.autocast('cpu', torch.bfloat16), HalfWeights(network, torch.bfloat16).put_in(learns=True):
        network[1](network[0](torch.ones(1, 2))).sum().backward()
    assert [p.grad is None for p in network.parameters()] == [True, True, False, False, True, True]


def test_compiled_parts_keep_their_weights():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[0].compile(backend='eager')
    with HalfWeights(network, torch.bfloat16).put_in(learns=False):
        assert [layer.weight.dtype for layer in network] == [torch.float32, torch.bfloat16]


def test_the_teacher_is_not_moved_while_copies_are_in_its_place():
    model = dacs()
    wrapper = StudentOptimWrapper(torch.optim.SGD(model.model.parameters(), lr=0.1), precision='bf16')
    with wrapper.optim_context(model), pytest.raises(TypeError, match='outside of the context'):
        model.update_teacher()
    assert {network.role for network in model.networks()} == {Role.LEARNS, Role.FOLLOWS}

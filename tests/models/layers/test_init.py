import torch
from torch import nn

from mmseg.models.layers import init
from mmseg.models.layers.init import draw_normal_


def test_a_bound_that_torch_draws_instead_of_a_number_is_no_weight(monkeypatch):
    drawn = torch.tensor([0.019, -2.0, 0.119, 2.0])  # torch 2.7 draws the bounds, 2 for any std
    monkeypatch.setattr(init.nn.init, 'trunc_normal_', lambda values, std: values.copy_(drawn))
    weight = nn.Parameter(torch.zeros(4))
    draw_normal_(weight)
    torch.testing.assert_close(weight.detach(), torch.tensor([0.019, -0.12, 0.119, 0.12]))


def test_numbers_are_those_of_torch_as_long_as_they_are_normal():
    torch.manual_seed(0)
    expected = nn.init.trunc_normal_(torch.empty(10_000), std=0.5)
    torch.manual_seed(0)
    drawn = torch.empty(10_000)
    draw_normal_(drawn, std=0.5)
    assert torch.equal(drawn, expected)

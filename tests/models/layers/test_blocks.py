"""Convolutions, norms, activations and stochastic depth."""

import math

import pytest
import torch
from torch import nn

from mmseg.errors import InputError
from mmseg.models.layers import (
    ConvModule,
    DepthwiseSeparableConvModule,
    DropPath,
    build_activation,
    build_norm,
    resize,
)
from mmseg.models.layers.drop import draw_paths
from mmseg.models.layers.norm import OwnPrecisionNorm
from mmseg.models.layers.pad import pad


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    out = DropPath(0.25).train()(torch.ones(4000, 2, 3))
    per_sample = out.flatten(1)
    assert torch.equal(per_sample.amin(1), per_sample.amax(1))
    assert sorted(out.unique().tolist()) == pytest.approx([0.0, 1 / 0.75])
    assert out.mean().item() == pytest.approx(1.0, abs=0.04)


def test_drop_path_is_switched_off_by_its_probability_or_by_testing():
    x, layer = torch.rand(4, 3), DropPath(0.9).train()
    assert not torch.equal(layer(x), x)
    layer.drop_prob = 0.0
    assert layer(x) is x
    assert DropPath(0.9).eval()(x) is x


@pytest.mark.parametrize(
    ('norm_cfg', 'name', 'kind'),
    [
        ({'type': 'BN', 'eps': 1e-3}, 'bn', nn.BatchNorm2d),
        ({'type': 'SyncBN'}, 'bn', nn.SyncBatchNorm),
        ({'type': 'GN', 'num_groups': 2}, 'gn', nn.GroupNorm),
        ({'type': 'LN'}, 'ln', nn.LayerNorm),
    ],
)
def test_norms_are_built_by_name_and_can_be_frozen(norm_cfg, name, kind):
    found, norm = build_norm({**norm_cfg, 'requires_grad': False}, 4)
    assert found == name
    assert isinstance(norm, kind)
    assert not any(parameter.requires_grad for parameter in norm.parameters())
    assert all(parameter.requires_grad for parameter in build_norm(norm_cfg, 4)[1].parameters())


def test_group_norm_needs_its_groups():
    with pytest.raises(InputError, match='num_groups'):
        build_norm({'type': 'GN'}, 4)


def test_synchronised_norm_is_an_ordinary_one_in_a_single_process():
    x = torch.randn(3, 4, 5, 5)
    (_, synchronised), (_, ordinary) = build_norm({'type': 'SyncBN'}, 4), build_norm({'type': 'BN'}, 4)
    torch.testing.assert_close(synchronised(x), ordinary(x))
    torch.testing.assert_close(synchronised.state_dict(), ordinary.state_dict())
    torch.testing.assert_close(synchronised.eval()(x), ordinary.eval()(x))


def test_rectifiers_work_in_place_unless_told_otherwise():
    assert build_activation({'type': 'ReLU'}).inplace
    assert not build_activation({'type': 'ReLU', 'inplace': False}).inplace
    assert build_activation({'type': 'LeakyReLU', 'negative_slope': 0.5}).negative_slope == 0.5
    assert isinstance(build_activation({'type': 'GELU'}), nn.GELU)


@pytest.mark.parametrize('norm', ['BN', 'GN'])
def test_a_convolution_has_a_norm_or_a_bias(norm):
    cfg = {'type': norm, 'num_groups': 2} if norm == 'GN' else {'type': norm}
    assert set(dict(ConvModule(3, 4, 1, norm_cfg=cfg).named_parameters())) == {
        'conv.weight',
        f'{norm.lower()}.weight',
        f'{norm.lower()}.bias',
    }
    assert set(ConvModule(3, 4, 1).state_dict()) == {'conv.weight', 'conv.bias'}


def test_a_convolution_is_normalised_then_activated():
    x = torch.randn(2, 3, 6, 6)
    layer = ConvModule(3, 4, 3, padding=1, norm_cfg={'type': 'BN'}).train()
    values = layer.conv(x)
    mean, var = values.mean((0, 2, 3), keepdim=True), values.var((0, 2, 3), keepdim=True, unbiased=False)
    torch.testing.assert_close(layer(x), ((values - mean) / (var + 1e-5).sqrt()).relu())
    assert ConvModule(3, 4, 3, act_cfg=None)(x).min() < 0


def test_a_separable_convolution_filters_each_channel_then_mixes_them():
    layer = DepthwiseSeparableConvModule(3, 5, 3, padding=2, dilation=2, norm_cfg={'type': 'BN'})
    assert layer.depthwise_conv.conv.weight.shape == (3, 1, 3, 3)
    assert layer.pointwise_conv.conv.weight.shape == (5, 3, 1, 1)
    assert layer(torch.randn(2, 3, 7, 6)).shape == (2, 5, 7, 6)


def test_convolutions_start_with_the_variance_that_rectifiers_keep():
    torch.manual_seed(0)
    weight = ConvModule(64, 128, 3).conv.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.02)


def test_resizing_interpolates_between_pixel_centres():
    x = torch.tensor([[[[0.0, 4.0]]]])
    assert resize(x, (1, 4)).flatten().tolist() == [0.0, 1.0, 3.0, 4.0]
    assert resize(x, (1, 3), align_corners=True).flatten().tolist() == [0.0, 2.0, 4.0]
    assert resize(x, (1, 2)) is x


def test_batch_norm_of_a_single_value_names_the_ways_out():
    layer = ConvModule(3, 4, 1, norm_cfg={'type': 'BN'})
    with pytest.raises(InputError, match='samples_per_gpu=2'):
        layer(torch.randn(1, 3, 1, 1))
    assert layer(torch.randn(2, 3, 1, 1)).shape == (2, 4, 1, 1)
    assert layer.eval()(torch.randn(1, 3, 1, 1)).shape == (1, 4, 1, 1)


class TwoBranches(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.drop_path = DropPath(rate)

    def forward(self, x, drawn):
        x = self.drop_path.add(x, torch.ones_like(x), drawn, 0)
        return self.drop_path.add(x, 10 * torch.ones_like(x), drawn, 1)


def test_one_draw_for_all_layers_drops_each_branch_of_each_sample_at_its_layers_own_rate():
    torch.manual_seed(0)
    blocks = [TwoBranches(rate).train() for rate in (0.0, 0.5, 0.75)]
    x = torch.zeros(4000, 2)
    drawn = draw_paths(blocks, x)
    for block, factor, share in zip(blocks, (1.0, 2.0, 4.0), (1.0, 0.5, 0.25), strict=True):
        out = block(x, drawn)
        assert torch.equal(out[:, 0], out[:, 1])  # the whole sample
        first, second = out[:, 0] % 10, out[:, 0] // 10
        for kept in (first, second):
            assert set(kept.tolist()) <= {0.0, factor}
            assert (kept > 0).float().mean().item() == pytest.approx(share, abs=0.04)
        if factor > 1:  # branches are drawn apart: both are kept by chance only
            assert ((first > 0) & (second > 0)).float().mean().item() == pytest.approx(share**2, abs=0.04)
        assert torch.equal(block(x, drawn), out)  # a second look, as recomputation has it, sees the same


def test_nothing_is_drawn_where_nothing_is_dropped():
    blocks = [TwoBranches(0.5).eval(), TwoBranches(0.0).train()]
    assert draw_paths(blocks, torch.zeros(2, 2)) is None
    assert blocks[0](torch.zeros(2, 2), None).tolist() == [[11.0, 11.0]] * 2


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_what_is_drawn_multiplies_a_branch_of_any_precision_and_its_gradient_in_full_precision(dtype):
    torch.manual_seed(1)
    block = TwoBranches(0.3).train()
    layer, drawn = block.drop_path, draw_paths([block], torch.zeros(8, 1))
    x, branch, gradient = torch.randn(8, 5, requires_grad=True), torch.randn(8, 5).to(dtype), torch.randn(8, 5)
    branch.requires_grad_()
    factor = drawn.factor(layer, 1, torch.float32)[:, None]
    with torch.autocast('cpu', torch.bfloat16, enabled=dtype is torch.bfloat16):
        out = layer.add(x, branch, drawn, 1)
    torch.testing.assert_close(out, x + branch.float() * factor, rtol=0, atol=1e-6)
    out.backward(gradient)
    assert torch.equal(x.grad, gradient)
    assert torch.equal(branch.grad, (gradient * factor).to(dtype))


def test_a_map_without_margins_is_not_copied():
    x = torch.ones(1, 1, 2, 2)
    assert pad(x, (0, 0, 0, 0)) is x
    assert pad(x, (0, 1, 0, 0)).tolist() == [[[[1.0, 1.0, 0.0]] * 2]]


def test_a_norm_in_its_own_precision_rounds_its_weights_and_its_result_to_half_and_nothing_else():
    torch.manual_seed(0)
    norm, x = OwnPrecisionNorm(64), torch.randn(3, 50, 64)
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    assert torch.equal(norm(x), nn.functional.layer_norm(x, (64,), norm.weight, norm.bias, norm.eps))
    half, weight, bias = (value.detach().bfloat16() for value in (x, norm.weight, norm.bias))
    exact = nn.functional.layer_norm(half.double(), (64,), weight.double(), bias.double(), norm.eps)
    with torch.autocast('cpu', torch.bfloat16):
        found = norm(half.requires_grad_())
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found.double(), exact, rtol=2**-8, atol=1e-6)
    found.sum().backward()
    assert (half.grad.dtype, norm.weight.grad.dtype) == (torch.bfloat16, torch.float32)

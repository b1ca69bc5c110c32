import pytest
import torch
from torch import nn

from mmseg.models.layers.isa import SelfAttentionBlock, interlace


class Mean(nn.Module):
    """Stands for attention that looks everywhere alike."""

    def forward(self, x):
        return x.mean((2, 3), keepdim=True).expand_as(x)


def test_the_long_range_step_sees_the_same_place_of_all_blocks():
    x = torch.arange(24.0).reshape(1, 1, 4, 6)
    out = interlace(x, (2, 3), Mean(), nn.Identity())
    assert out[0, 0, 1, 2] == (x[0, 0, 1, 2] + x[0, 0, 1, 5] + x[0, 0, 3, 2] + x[0, 0, 3, 5]) / 4


def test_the_short_range_step_sees_its_own_block():
    x = torch.arange(24.0).reshape(1, 1, 4, 6)
    out = interlace(x, (2, 3), nn.Identity(), Mean())
    assert out[0, 0, 3, 0] == x[0, 0, 2:, :3].mean()


def test_both_steps_together_see_the_whole_map():
    x = torch.randn(2, 3, 8, 6)
    out = interlace(x, (4, 2), Mean(), Mean())
    torch.testing.assert_close(out, x.mean((2, 3), keepdim=True).expand_as(x))


@pytest.mark.parametrize('size', [(8, 8), (7, 9), (3, 17)])
def test_maps_of_any_size_keep_it(size):
    x = torch.randn(1, 2, *size)
    assert torch.equal(interlace(x, (8, 8), nn.Identity(), nn.Identity()), x)


@torch.no_grad()
def test_attention_weighs_values_by_the_similarity_of_queries_and_keys():
    torch.manual_seed(0)
    style = {'norm_cfg': {'type': 'BN'}, 'act_cfg': {'type': 'ReLU'}}
    block = SelfAttentionBlock(in_channels=6, key_channels=4, out_channels=5, num_convs=2, **style).eval()
    x = torch.randn(2, 6, 3, 4)
    query, key, value = (
        project(x).flatten(2) for project in (block.query_project, block.key_project, block.value_project)
    )
    weights = torch.einsum('bci,bcj->bij', query, key).div(4**0.5).softmax(dim=-1)
    context = torch.einsum('bij,bcj->bci', weights, value).reshape(2, 6, 3, 4)
    torch.testing.assert_close(block(x), block.output_project(context))

import json

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.backbones.position import relative_position_index, resize_window_table
from mmseg.models.backbones.swin import PatchMerging, shift_mask
from mmseg.models.backbones.swin_keys import to_swin
from tests.models.backbones.checks import (
    assert_published_names,
    assert_recomputing_changes_nothing,
    assert_reference_drop_path,
    assert_reference_features,
    assert_reference_start,
)
from tests.models.networks import build
from tests.parity import draw, fill_value, golden

TINY = {
    'type': 'SwinTransformer',
    'embed_dims': 8,
    'depths': (2, 2, 2, 2),
    'num_heads': (1, 2, 4, 8),
    'window_size': 4,
    'drop_path_rate': 0.0,
}
SIZES = ['tiny_window7', 'small_window7', 'base_window7', 'base_window12', 'large_window7', 'large_window12']


@pytest.mark.parametrize('size', SIZES)
def test_parameters_have_the_names_shapes_and_order_of_published_files(size):
    assert_published_names(f'swin_{size}')


@pytest.mark.parametrize('case', ['bb_swin_tiny', 'bb_swin_tiny_odd', 'bb_swin_win12_small'])
def test_features_equal_the_reference(case):
    assert_reference_features(case, strides={0: 2})


def test_initial_weights_and_drop_path_are_those_of_the_reference():
    assert_reference_start('bb_SwinTransformer')


def test_drop_path_grows_over_the_blocks_as_in_the_reference():
    assert_reference_drop_path('bb_SwinTransformer')


@pytest.mark.parametrize('window', [7, 12])
def test_relative_positions_are_numbered_as_in_published_tables(window):
    expected = golden('relative_position_index').tensor(f'swin.window_{window}').long()
    assert torch.equal(relative_position_index((window, window)), expected)


def test_relative_positions_of_a_2x2_window_by_hand():
    # rows of the 3x3 table: (down + 1) * 3 + right + 1, for the way from the key to the query
    assert relative_position_index((2, 2)).tolist() == [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]


def test_the_shift_keeps_apart_what_it_has_moved_together():
    # a row of 4 windows of 2 in a map of 2x8, shifted by 1: only the last row and column of windows mix regions
    mask = shift_mask((4, 4), window_size=2, shift=1, device=torch.device('cpu'))
    assert mask.shape == (4, 4, 4)
    assert torch.all(mask[0] == 0)
    left, right = [0, 2], [1, 3]
    assert torch.all(mask[1][left][:, left] == 0)
    assert torch.all(mask[1][left][:, right] == -100)
    assert torch.all((mask[3] == 0) == torch.eye(4, dtype=torch.bool))


@torch.no_grad()
def test_merging_interleaves_the_four_neighbours_of_each_channel():
    merging = PatchMerging(channels=2, norm_cfg={'type': 'LN'})
    merging.norm = torch.nn.Identity()
    merging.reduction = torch.nn.Identity()
    x = torch.tensor([[[[0.0, 10], [1, 11]], [[2, 12], [3, 13]]]])  # (1, 2, 2, 2): position + 10 * channel
    assert merging(x).flatten().tolist() == [0, 1, 2, 3, 10, 11, 12, 13]


@torch.no_grad()
def test_a_file_of_the_authors_gives_the_features_of_the_reference(tmp_path):
    reference = golden('convert_swin_official')
    key_map = json.loads(str(reference.arrays['key_map']))
    official = {
        name: torch.zeros(shape, dtype=torch.int64)
        if name.endswith('relative_position_index')
        else torch.from_numpy(fill_value(name, tuple(shape)))
        for name, (_, _, shape) in key_map.items()
    }
    official |= {'head.weight': torch.zeros(10, 256), 'head.bias': torch.zeros(10)}
    torch.save({'model': official}, tmp_path / 'swin.pth')
    backbone = build({**reference.config['mmseg'], 'pretrained': str(tmp_path / 'swin.pth')}).eval()
    backbone.init_weights()
    features = backbone(*reference.inputs().values())
    features[0] = features[0][:, ::2]
    for i, feature in enumerate(features):
        torch.testing.assert_close(feature, reference.tensor(f'out{i}'), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_file_of_timm_gives_the_features_of_timm(tmp_path):
    import timm

    torch.manual_seed(1)
    # one block in the last stage: timm does not shift a window that is as large as the map, segmentation networks do
    depths, heads = (2, 2, 2, 1), (1, 2, 4, 8)
    theirs = timm.create_model(
        'swin_tiny_patch4_window7_224', embed_dim=12, depths=depths, num_heads=heads, num_classes=5
    ).eval()
    for parameter in theirs.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.1)
    torch.save(theirs.state_dict(), tmp_path / 'swin.pth')
    cfg = {**TINY, 'embed_dims': 12, 'depths': depths, 'window_size': 7, 'pretrained': str(tmp_path / 'swin.pth')}
    ours = build(cfg).eval()
    ours.init_weights()
    img = torch.rand(1, 3, 224, 224).double()
    expected = theirs.double().forward_features(img).permute(0, 3, 1, 2)
    torch.testing.assert_close(ours.double()(img)[3], expected, atol=1e-8, rtol=1e-8)


def test_tables_of_another_window_are_resized_as_in_the_reference():
    table = torch.from_numpy(draw('ckpt.swin.relative_position_bias_table', (169, 4))).float()
    resized = resize_window_table(table, 12)
    torch.testing.assert_close(resized, golden('pretrained_resize').tensor('swin.table_7_to_12'), atol=1e-4, rtol=0)
    assert resize_window_table(table, 7) is table


def test_weights_of_another_window_load(tmp_path):
    small = build(TINY)
    torch.nn.init.normal_(small.stages[0].blocks[0].attn.w_msa.relative_position_bias_table)
    torch.save(small.state_dict(), tmp_path / 'window4.pth')
    large = build({**TINY, 'window_size': 6, 'pretrained': str(tmp_path / 'window4.pth')})
    large.init_weights()
    table = large.stages[0].blocks[0].attn.w_msa.relative_position_bias_table
    expected = resize_window_table(small.stages[0].blocks[0].attn.w_msa.relative_position_bias_table, 6)
    assert torch.equal(table, expected)


def test_only_the_output_norms_may_be_missing(tmp_path):
    state = {key: value for key, value in build(TINY).state_dict().items() if not key.startswith('norm')}
    torch.save(state, tmp_path / 'swin.pth')
    build({**TINY, 'pretrained': str(tmp_path / 'swin.pth')}).init_weights()
    del state['stages.1.blocks.0.norm1.weight']
    torch.save(state, tmp_path / 'swin.pth')
    with pytest.raises(InputError, match=r'1 missing: stages\.1\.blocks\.0\.norm1\.weight'):
        build({**TINY, 'pretrained': str(tmp_path / 'swin.pth')}).init_weights()


def test_our_own_names_are_left_alone():
    state = build(TINY).state_dict()
    assert to_swin(state).keys() == state.keys()


@torch.no_grad()
def test_the_absolute_position_embedding_fits_itself_to_the_image(tmp_path):
    backbone = build({**TINY, 'use_abs_pos_embed': True, 'pretrain_img_size': 32}).eval()
    assert backbone.absolute_pos_embed.shape == (1, 8, 8, 8)
    backbone.init_weights()
    assert [feature.shape[2] for feature in backbone(torch.rand(1, 3, 40, 64))] == [10, 5, 3, 2]
    state = backbone.state_dict()
    state['absolute_pos_embed'] = torch.full((1, 8, 6, 6), 0.25)
    torch.save(state, tmp_path / 'swin.pth')
    backbone.pretrained = str(tmp_path / 'swin.pth')
    backbone.init_weights()
    torch.testing.assert_close(backbone.absolute_pos_embed, torch.full((1, 8, 8, 8), 0.25))


@torch.no_grad()
@pytest.mark.parametrize(('height', 'width'), [(33, 65), (97, 40), (5, 7)])
def test_stages_halve_any_size_rounding_up(height, width):
    features = build(TINY)(torch.rand(1, 3, height, width))
    for feature, stride, channels in zip(features, (4, 8, 16, 32), (8, 16, 32, 64), strict=True):
        assert feature.shape == (1, channels, -(-height // stride), -(-width // stride))


def test_recomputing_activations_changes_no_gradient():
    settings = {'drop_path_rate': 0.5, 'drop_rate': 0.2, 'attn_drop_rate': 0.1}
    assert_recomputing_changes_nothing({**TINY, **settings}, torch.rand(2, 3, 64, 96))


def test_frozen_stages_get_no_gradient():
    backbone = build({**TINY, 'frozen_stages': 2, 'drop_path_rate': 0.5}).train()
    backbone(torch.rand(2, 3, 32, 32))[3].sum().backward()
    trained = {name for name, parameter in backbone.named_parameters() if parameter.grad is not None}
    assert trained
    assert not any(name.startswith(('patch_embed', 'stages.0', 'stages.1')) for name in trained)
    assert not backbone.stages[1].training
    assert backbone.stages[2].training


def test_other_strides_are_refused():
    with pytest.raises(InputError, match='strides'):
        build({**TINY, 'strides': (4, 2, 2, 1)})

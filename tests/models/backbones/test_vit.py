import re

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.backbones.position import (
    cubic_spline_matrix,
    relative_position_index_with_class,
    resize_geometric_table,
    resize_position_embedding,
)
from mmseg.models.backbones.vit_keys import SHARED_TABLE
from tests.models.backbones.checks import (
    assert_published_names,
    assert_recomputing_changes_nothing,
    assert_reference_drop_path,
    assert_reference_features,
    assert_reference_start,
)
from tests.models.networks import build
from tests.parity import draw, golden

SMALL = {'img_size': 64, 'embed_dims': 24, 'num_layers': 3, 'num_heads': 2, 'out_indices': (0, 2)}


@pytest.mark.parametrize('name', ['beit_base_512', 'beit_base_640', 'mae_base_512'])
def test_parameters_have_the_names_shapes_and_order_of_published_files(name):
    assert_published_names(name)


@pytest.mark.parametrize('case', ['bb_beit_small', 'bb_beit_small_nobias_finalnorm', 'bb_mae_small'])
def test_features_equal_the_reference(case):
    assert_reference_features(case)


@pytest.mark.slow
@pytest.mark.parametrize('case', ['bb_BEiT', 'bb_MAE'])
def test_initial_weights_are_distributed_as_in_the_reference(case):
    assert_reference_start(case)


@pytest.mark.parametrize('case', ['bb_BEiT', 'bb_MAE'])
def test_drop_path_grows_over_the_blocks_as_in_the_reference(case):
    assert_reference_drop_path(case)


def test_relative_positions_are_numbered_as_in_published_tables():
    expected = golden('relative_position_index').tensor('beit.window_6x8').long()
    assert torch.equal(relative_position_index_with_class((6, 8)), expected)


@pytest.mark.parametrize('side', [20, 32])
def test_relative_tables_are_resized_as_in_the_reference(side):
    reference = golden('pretrained_resize')
    resized = resize_geometric_table(reference.tensor('in.beit.table_14'), (side, side))
    torch.testing.assert_close(resized, reference.tensor(f'beit.table_14_to_{side}'), atol=1e-4, rtol=0)


def test_a_resized_table_keeps_the_class_token_and_the_centre():
    table = torch.randn(27 * 27 + 3, 4)
    resized = resize_geometric_table(table, (32, 20))
    assert resized.shape == (63 * 39 + 3, 4)
    assert torch.equal(resized[-3:], table[-3:])
    centre = resized[:-3].unflatten(0, (63, 39))[31, 19]
    torch.testing.assert_close(centre, table[:-3].unflatten(0, (27, 27))[13, 13])


def test_a_spline_reproduces_a_cubic_polynomial():
    def cubic(x):
        return 2 * x**3 - x**2 + 0.5 * x - 3

    knots = torch.tensor([-4.0, -1.5, 0.0, 0.7, 2.0, 5.0], dtype=torch.float64)
    points = torch.linspace(-4, 5, 31, dtype=torch.float64)
    torch.testing.assert_close(cubic_spline_matrix(knots, points) @ cubic(knots), cubic(points))


def test_position_embeddings_are_resized_as_in_the_reference():
    embedding = torch.from_numpy(draw('ckpt.mae.pos_embed', (1, 197, 8))).float()
    resized = resize_position_embedding(embedding, (20, 20), num_extra=1)
    torch.testing.assert_close(resized, golden('pretrained_resize').tensor('mae.pos_embed_14_to_20'), atol=1e-4, rtol=0)


def test_what_is_not_a_square_grid_cannot_be_resized():
    with pytest.raises(InputError, match='12 entries: not a square grid'):
        resize_position_embedding(torch.zeros(1, 13, 4), (4, 4), num_extra=1)


@torch.no_grad()
@pytest.mark.parametrize('kind', ['BEiT', 'MAE'])
def test_an_image_of_another_size_is_refused_with_the_way_out(kind):
    with pytest.raises(InputError, match=rf'{kind} was built for images of 64x64, got 64x128.*crop_size=\(64, 64\)'):
        build({'type': kind, **SMALL})(torch.rand(1, 3, 64, 128))


def official_beit(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights of a BEiT or MAE of ours in the names of their authors."""
    renamed = {}
    for name, value in network.state_dict().items():
        key = re.sub(r'^layers\.', 'blocks.', name).replace('projection', 'proj')
        key = re.sub(r'\.ln([12])\.', r'.norm\1.', key)
        renamed[key.replace('ffn.layers.0.0', 'mlp.fc1').replace('ffn.layers.1', 'mlp.fc2')] = value
    return renamed


def randomised(cfg: dict) -> torch.nn.Module:
    network = build(cfg).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


@torch.no_grad()
def test_a_beit_file_of_the_authors_gives_the_same_features(tmp_path):
    theirs = randomised({'type': 'BEiT', **SMALL})
    extra = {'norm.weight': torch.ones(24), 'head.weight': torch.ones(5, 24), 'mask_token': torch.ones(1, 1, 24)}
    torch.save({'model': {**official_beit(theirs), **extra}}, tmp_path / 'beit.pth')
    ours = build({'type': 'BEiT', **SMALL, 'pretrained': str(tmp_path / 'beit.pth')}).eval()
    ours.init_weights()
    img = torch.rand(2, 3, 64, 64)
    for a, b in zip(ours(img), theirs(img), strict=True):
        assert torch.equal(a, b)


def test_a_beit_table_shared_by_all_layers_is_given_to_each(tmp_path):
    state = official_beit(build({'type': 'BEiT', **SMALL}))
    state = {key: value for key, value in state.items() if 'relative_position' not in key}
    state[SHARED_TABLE] = torch.randn(52, 2)
    torch.save(state, tmp_path / 'beit.pth')
    ours = build({'type': 'BEiT', **SMALL, 'pretrained': str(tmp_path / 'beit.pth')})
    ours.init_weights()
    for layer in ours.layers:
        assert torch.equal(layer.attn.relative_position_bias_table, state[SHARED_TABLE])


def test_what_mae_adds_to_its_pretrained_network_starts_without_effect(tmp_path):
    state = official_beit(randomised({'type': 'MAE', **SMALL}))
    state = {key: value for key, value in state.items() if 'relative' not in key and 'gamma' not in key}
    torch.save({'model': {**state, 'decoder_pred.bias': torch.ones(3)}}, tmp_path / 'mae.pth')
    ours = build({'type': 'MAE', **SMALL, 'pretrained': str(tmp_path / 'mae.pth')})
    ours.init_weights()
    for layer in ours.layers:
        assert torch.all(layer.gamma_1 == 1)
        assert torch.all(layer.gamma_2 == 1)
        assert torch.all(layer.attn.relative_position_bias_table == 0)
    assert torch.equal(ours.pos_embed, state['pos_embed'])


def test_weights_of_another_image_size_load(tmp_path):
    torch.save(randomised({'type': 'MAE', **SMALL}).state_dict(), tmp_path / 'mae.pth')
    ours = build({'type': 'MAE', **SMALL, 'img_size': (96, 128), 'pretrained': str(tmp_path / 'mae.pth')})
    ours.init_weights()
    assert ours.pos_embed.shape == (1, 1 + 6 * 8, 24)
    assert ours(torch.rand(1, 3, 96, 128))[1].shape == (1, 24, 6, 8)


@pytest.mark.parametrize('kind', ['BEiT', 'MAE', 'VisionTransformer'])
def test_recomputing_activations_changes_no_gradient(kind):
    cfg = {'type': kind, **SMALL, 'drop_path_rate': 0.5, 'attn_drop_rate': 0.1}
    assert_recomputing_changes_nothing(cfg, torch.rand(2, 3, 64, 64))


@torch.no_grad()
@pytest.mark.parametrize('size', [64, 96])
def test_a_vit_file_of_timm_gives_the_features_of_timm(tmp_path, size):
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(2)
    theirs = VisionTransformer(img_size=64, embed_dim=24, depth=3, num_heads=2, num_classes=5).eval()
    for parameter in theirs.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.2)
    torch.save(theirs.state_dict(), tmp_path / 'vit.pth')
    cfg = {'type': 'VisionTransformer', **SMALL, 'img_size': size, 'pretrained': str(tmp_path / 'vit.pth')}
    ours = build(cfg).eval()
    ours.init_weights()
    img = torch.rand(2, 3, 64, 64)
    if size == 96:  # the table was resized on loading, and is resized again for the image
        assert [feature.shape for feature in ours(img)] == [(2, 24, 4, 4)] * 2
        return
    expected = theirs.forward_intermediates(img, indices=[0, 2], intermediates_only=True)
    for a, b in zip(ours(img), expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_vit_takes_images_of_any_size():
    backbone = build({'type': 'VisionTransformer', **SMALL, 'img_size': (64, 96), 'final_norm': True})
    assert backbone.pos_embed.shape == (1, 1 + 4 * 6, 24)
    assert [feature.shape for feature in backbone(torch.rand(1, 3, 64, 96))] == [(1, 24, 4, 6)] * 2
    square = build({'type': 'VisionTransformer', **SMALL, 'with_cls_token': False})
    assert [feature.shape for feature in square(torch.rand(1, 3, 50, 81))] == [(1, 24, 4, 6)] * 2


def test_initial_vit_weights_are_small():
    torch.manual_seed(0)
    backbone = build({'type': 'VisionTransformer', **SMALL, 'embed_dims': 96})
    backbone.init_weights()
    for name, value in backbone.state_dict().items():
        if name.endswith(('in_proj_weight', 'out_proj.weight', 'layers.1.weight', 'pos_embed')):
            assert value.std().item() == pytest.approx(0.02, rel=0.1), name

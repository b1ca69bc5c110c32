"""How deep the parameters of an encoder are, for learning rates that fall with depth and for what is frozen."""

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.backbones import base
from tests.models.networks import build, build_on_meta

VIT = {'type': 'TimmBackbone', 'model_name': 'vit_tiny_patch16_224', 'settings': {'depth': 4}, 'out_indices': (1, 3)}


@pytest.mark.parametrize(
    ('cfg', 'places'),
    [
        (
            {'type': 'mit_b0'},
            {'patch_embed1': 0, 'block1.1': 2, 'norm1': 2, 'patch_embed2': 3, 'block2.0': 3, 'norm4': 8},
        ),
        ({'type': 'VisionTransformer', 'final_norm': True}, {'pos_embed': 0, 'patch': 0, 'layers.0.': 1, 'ln1': 12}),
        ({'type': 'BEiT'}, {'cls_token': 0, 'layers.11.': 12}),
        ({'type': 'SwinTransformer'}, {'patch': 0, 'stages.0.blocks.1': 2, 'stages.0.down': 2, 'stages.1.b': 3}),
        ({'type': 'ConvNeXt'}, {'downsample_layers.0': 0, 'stages.0.2.': 3, 'downsample_layers.1': 4, 'norm3': 18}),
        ({'type': 'ResNetV1c', 'depth': 50}, {'stem': 0, 'layer1.0': 1, 'layer4.2': 16}),
        (
            VIT | {'mask_token': True},
            {'mask_token': 0, 'model.pos_embed': 0, 'model.blocks.0.': 1, 'model.blocks.3.': 4},
        ),
        ({'type': 'TimmBackbone', 'model_name': 'convnext_tiny'}, {'model.stem': 0, 'model.stages.3.blocks.2': 18}),
    ],
)
def test_blocks_count_from_the_stem_and_norms_go_with_the_block_before_them(cfg, places):
    depths = build_on_meta(cfg).block_depths()
    assert sorted(set(depths.values())) == list(range(max(depths.values()) + 1))
    for begin, depth in places.items():
        first = next(name for name in depths if name.startswith(begin))
        assert (first, depths[first]) == (first, depth)


def test_frozen_stages_of_a_network_of_timm_keep_weights_and_stay_in_evaluation():
    backbone = build({**VIT, 'settings': {'depth': 4, 'proj_drop_rate': 0.1}, 'frozen_stages': 2}).train()
    learning = {name.split('.')[2] for name, p in backbone.named_parameters() if p.requires_grad}
    assert learning == {'2', '3'}
    assert [block.training for block in backbone.model.blocks] == [False, False, True, True]
    assert not backbone.model.patch_embed.training


def test_a_whole_network_of_timm_can_be_frozen():
    backbone = build(
        {'type': 'TimmBackbone', 'model_name': 'resnet18', 'out_indices': (1, 2), 'frozen_stages': 2}
    ).train()
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    assert not backbone.model.training


def test_a_mask_token_learns_in_front_of_frozen_blocks():
    backbone = build_on_meta({**VIT, 'mask_token': True, 'frozen_stages': 4})
    assert [name for name, p in backbone.named_parameters() if p.requires_grad] == ['mask_token']


def test_frozen_batch_norms_keep_their_statistics():
    backbone = build(
        {'type': 'TimmBackbone', 'model_name': 'resnet18', 'out_indices': (1, 4), 'frozen_stages': 1}
    ).train()
    before = {name: buffer.clone() for name, buffer in backbone.named_buffers()}
    backbone(torch.rand(2, 3, 32, 32))
    moved = {name.split('.')[1] for name, buffer in backbone.named_buffers() if not torch.equal(buffer, before[name])}
    assert moved == {'layer2', 'layer3', 'layer4'}


def test_more_frozen_stages_than_there_are_is_an_error():
    with pytest.raises(InputError, match=r'frozen_stages is 5.*4 blocks'):
        build_on_meta({**VIT, 'frozen_stages': 5})


@torch.no_grad()
@pytest.mark.parametrize('name', ['vit_tiny_patch16_224', 'vit_small_patch14_dinov2', 'eva02_tiny_patch14_224'])
def test_the_mask_token_stands_for_hidden_patches(name):
    torch.manual_seed(0)
    settings = {'depth': 1, 'embed_dim': 24, 'num_heads': 2}
    backbone = build(
        {'type': 'TimmBackbone', 'model_name': name, 'settings': settings, 'out_indices': (0,), 'mask_token': True}
    ).eval()
    rows, columns = backbone.patch_grid((40, 60))
    image, hidden = torch.rand(1, 3, 40, 60), torch.zeros(1, 1, rows, columns, dtype=torch.bool)
    assert torch.equal(backbone(image, hidden)[0], backbone(image)[0])
    hidden[:] = True
    assert torch.equal(backbone(image, hidden)[0], backbone(torch.zeros_like(image), hidden)[0])
    hidden[0, 0, 0, 0] = False
    assert not torch.equal(backbone(image, hidden)[0], backbone(torch.zeros_like(image), hidden)[0])


@pytest.mark.parametrize(
    ('cfg', 'prefix'),
    [
        (VIT, 'model.'),
        ({'type': 'VisionTransformer', 'img_size': 32, 'embed_dims': 24, 'num_heads': 2, 'num_layers': 1}, ''),
    ],
)
def test_a_mask_token_that_the_file_lacks_is_told(cfg, prefix, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(base, 'print_log', lambda message, *_: said.append(message))
    cfg = {**cfg, 'out_indices': (0,)}
    state = {key.removeprefix(prefix): value for key, value in build(cfg).state_dict().items()}
    torch.save(state, tmp_path / 'vit.pth')
    cfg['pretrained'] = str(tmp_path / 'vit.pth')
    build(cfg).init_weights()
    assert said == []
    encoder = build({**cfg, 'mask_token': True})
    encoder.init_weights()
    assert said == [f'{tmp_path}/vit.pth has no mask token: that of {cfg["type"]} starts at 0 and learns.']
    assert encoder.mask_token.requires_grad
    torch.save({**state, 'mask_token': torch.ones(1, 1, encoder.mask_token.shape[-1])}, tmp_path / 'vit.pth')
    encoder.init_weights()
    assert len(said) == 1
    assert encoder.mask_token.eq(1).all()


def test_a_network_without_patches_side_by_side_has_no_mask_token():
    with pytest.raises(InputError, match='no plain Transformer'):
        build_on_meta({'type': 'TimmBackbone', 'model_name': 'convnext_atto', 'mask_token': True})

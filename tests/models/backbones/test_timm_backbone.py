import subprocess
import sys

import pytest
import timm
import torch

from mmseg.errors import InputError
from mmseg.models.layers import pixel_layout
from tests.models.backbones.checks import assert_recomputing_changes_nothing
from tests.models.networks import build, build_on_meta

TINY_VIT = {
    'type': 'TimmBackbone',
    'model_name': 'vit_tiny_patch16_224',
    'img_size': 64,
    'settings': {'embed_dim': 24, 'depth': 3, 'num_heads': 2},
    'out_indices': (0, 1),
}


@torch.no_grad()
@pytest.mark.parametrize(
    ('name', 'settings', 'shapes'),
    [
        ('vit_small_patch14_dinov2', {'img_size': 56, 'out_indices': (2, 5, 8, 11)}, [(384, 4)] * 4),
        ('vit_small_patch16_dinov3', {'img_size': 64, 'out_indices': (1, -1)}, [(384, 4)] * 2),
        ('eva02_tiny_patch14_224', {'img_size': 56, 'out_indices': (2, 5)}, [(192, 4)] * 2),
        ('pvt_v2_b0', {}, [(32, 16), (64, 8), (160, 4), (256, 2)]),
        ('convnext_atto', {}, [(40, 16), (80, 8), (160, 4), (320, 2)]),
    ],
)
def test_networks_of_timm_give_features_finest_first(name, settings, shapes):
    backbone = build({'type': 'TimmBackbone', 'model_name': name, **settings})
    size = settings.get('img_size', 64)
    features = backbone(torch.rand(1, 3, size, size))
    assert [(x.shape[1], x.shape[2]) for x in features] == shapes
    assert backbone.feature_channels == [channels for channels, _ in shapes]


@torch.no_grad()
@pytest.mark.parametrize(
    ('name', 'settings', 'maps'),
    [
        ('vit_small_patch14_dinov2', {'out_indices': (2, 11)}, [(5, 8)] * 2),
        ('vit_small_patch14_reg4_dinov2', {'out_indices': (2,)}, [(5, 8)]),
        ('vit_small_patch16_dinov3', {'out_indices': (1,)}, [(5, 7)]),
        ('eva02_tiny_patch14_224', {'out_indices': (5,)}, [(5, 8)]),
        ('vit_base_patch16_siglip_224', {'out_indices': (1,)}, [(5, 7)]),
        ('vit_pe_spatial_tiny_patch16_512', {'out_indices': (1,)}, [(5, 7)]),
        ('vit_base_patch14_reg1_tipsv2', {'out_indices': (1,)}, [(5, 8)]),
        ('sam2_hiera_tiny', {}, [(24, 32), (12, 16), (6, 8), (3, 4)]),
        ('convnextv2_atto', {}, [(17, 25), (8, 12), (4, 6), (2, 3)]),
        ('convnext_tiny', {}, [(17, 25), (8, 12), (4, 6), (2, 3)]),
    ],
)
def test_images_of_a_size_that_patches_do_not_divide_give_maps_of_the_whole_image(name, settings, maps):
    if not timm.is_model(name):
        pytest.skip(f'timm {timm.__version__} has no {name}')
    backbone = build_on_meta({'type': 'TimmBackbone', 'model_name': name, **settings})
    backbone.to('meta')  # timm 1.0.22 makes the table of DINOv3's positions on the CPU
    features = backbone(torch.rand(1, 3, 70, 101, device='meta'))
    assert [tuple(x.shape[2:]) for x in features] == maps


@torch.no_grad()
def test_a_side_that_is_no_multiple_is_resized_to_the_next_one():
    backbone = build(TINY_VIT).eval()
    image = torch.rand(1, 3, 60, 64)
    resized = torch.nn.functional.interpolate(image, (64, 64), mode='bilinear')
    assert all(map(torch.equal, backbone(image), backbone(resized)))


@torch.no_grad()
def test_at_other_sizes_positions_are_those_of_timm():
    theirs = timm.create_model('vit_small_patch16_dinov3', dynamic_img_size=True).eval()
    ours = build({'type': 'TimmBackbone', 'model_name': 'vit_small_patch16_dinov3', 'out_indices': (3,)}).eval()
    ours.model.load_state_dict(
        {key: value for key, value in theirs.state_dict().items() if key in ours.model.state_dict()}
    )
    image = torch.rand(1, 3, 48, 80)
    expected = theirs.forward_intermediates(image, indices=[3], norm=False, intermediates_only=True)
    torch.testing.assert_close(ours(image), expected)


@pytest.mark.parametrize('name', ['hiera_tiny_224', 'beitv2_base_patch16_224'])
def test_a_network_of_one_size_says_so(name):
    backbone = build_on_meta({'type': 'TimmBackbone', 'model_name': name, 'out_indices': (1,), 'img_size': (64, 96)})
    assert backbone(torch.rand(1, 3, 64, 96, device='meta'))
    with pytest.raises(InputError, match=r'takes images of 96x64 only, and gets 128x128.*img_size=\(128, 128\)'):
        backbone(torch.rand(1, 3, 128, 128, device='meta'))


def test_every_parameter_that_is_kept_gets_a_gradient():
    backbone = build(TINY_VIT)
    sum(feature.mean() for feature in backbone(torch.rand(2, 3, 64, 64))).backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())
    assert not any('blocks.2' in name for name, _ in backbone.named_parameters())


@torch.no_grad()
def test_a_file_of_the_whole_network_loads_and_its_table_is_resized(tmp_path):
    theirs = timm.create_model(TINY_VIT['model_name'], img_size=96, **TINY_VIT['settings'])
    torch.nn.init.constant_(theirs.pos_embed, 0.5)
    torch.save(theirs.state_dict(), tmp_path / 'vit.pth')
    backbone = build({**TINY_VIT, 'pretrained': str(tmp_path / 'vit.pth')})
    backbone.init_weights()
    assert backbone.model.pos_embed.shape == (1, 17, 24)
    torch.testing.assert_close(backbone.model.pos_embed, torch.full((1, 17, 24), 0.5))
    assert torch.equal(backbone.model.blocks[1].mlp.fc1.weight, theirs.blocks[1].mlp.fc1.weight)


def test_a_file_of_another_network_is_refused(tmp_path):
    torch.save(timm.create_model('resnet18').state_dict(), tmp_path / 'resnet.pth')
    with pytest.raises(InputError, match='does not fit TimmBackbone'):
        build({**TINY_VIT, 'pretrained': str(tmp_path / 'resnet.pth')}).init_weights()


def test_recomputing_activations_changes_no_gradient():
    assert_recomputing_changes_nothing({**TINY_VIT, 'drop_path_rate': 0.5}, torch.rand(2, 3, 64, 64))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'model_name': 'vit_tiny_patch61_224'}, r"'vit_tiny_patch61_224'.*'vit_tiny_patch16_224'"),
        ({'settings': {'no_such_setting': 1}}, 'no_such_setting'),
        ({'out_indices': (0, 12)}, 'out_indices'),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        build({**TINY_VIT, **settings})


@pytest.mark.parametrize(
    ('name', 'convolutions_alone'),
    [('tf_efficientnet_lite0', True), ('mobilenetv3_small_050', True), ('resnet18', False), ('convnext_atto', False)],
)
def test_networks_that_convolve_by_channel_work_pixel_by_pixel_on_a_cpu(name, convolutions_alone, monkeypatch):
    network = build({'type': 'TimmBackbone', 'model_name': name}).double().eval()
    image = torch.rand(2, 3, 64, 96, dtype=torch.double)
    assert network.convolves_by_channel is convolutions_alone
    for together in (True, False):
        monkeypatch.setattr(pixel_layout, 'PIXELS_TOGETHER', together)
        maps = network(image)
        if convolutions_alone:
            assert all(m.is_contiguous(memory_format=torch.channels_last) is together for m in maps[:3])
        plain = network.model.forward_intermediates(image, indices=list(network.out_indices), intermediates_only=True)
        torch.testing.assert_close(maps, plain)


def test_networks_of_timm_build_without_memory():
    network = build_on_meta({'type': 'TimmBackbone', 'model_name': 'vit_large_patch16_224'})
    assert all(parameter.is_meta for parameter in network.parameters())


def test_timm_is_not_imported_before_it_is_used():
    code = (
        "import sys; from mmseg.registry import MODELS; MODELS.import_from_location(); sys.exit('timm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0

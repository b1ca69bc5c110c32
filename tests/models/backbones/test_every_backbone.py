"""What holds for every encoder, alone and under every head."""

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.backbones.base import Backbone
from mmseg.models.backbones.mix_transformer import MixVisionTransformer
from mmseg.models.uda.teacher import freeze_stochastic_layers
from mmseg.registry import MODELS
from tests.models.networks import ASPP, build

VIT = {'img_size': 64, 'embed_dims': 24, 'num_layers': 4, 'num_heads': 2, 'out_indices': (0, 1, 2, 3)}
VIT_OF_TIMM = {'embed_dim': 24, 'depth': 4, 'num_heads': 2}
RESNET = {'depth': 50, 'stem_channels': 8, 'base_channels': 4}
NARROW = (8, 16, 32, 64)
BACKBONES = {
    'mit_b0': ({'embed_dims': (8, 16, 40, 64), 'depths': (1, 1, 1, 1)}, (8, 16, 40, 64)),
    'SwinTransformer': ({'embed_dims': 8, 'depths': (1, 1, 2, 1), 'num_heads': (1, 2, 4, 8)}, NARROW),
    'ConvNeXt': ({'depths': (1, 1, 1, 1), 'dims': NARROW}, NARROW),
    'ResNet': (RESNET, (16, 32, 64, 128)),
    'ResNetV1c': (RESNET, (16, 32, 64, 128)),
    'ResNetV1d': (RESNET, (16, 32, 64, 128)),
    'ResNeXt': ({**RESNET, 'groups': 4, 'base_width': 2}, (16, 32, 64, 128)),
    'ResNeSt': (RESNET, (16, 32, 64, 128)),
    'BEiT': (VIT, (24,) * 4),
    'MAE': (VIT, (24,) * 4),
    'VisionTransformer': (VIT, (24,) * 4),
    'TimmBackbone': ({'model_name': 'pvt_v2_b0'}, (32, 64, 160, 256)),
    'ViTAdapter': ({'model_name': 'vit_tiny_patch16_224', 'settings': VIT_OF_TIMM, 'width': 8}, (24,) * 4),
}
STOCHASTIC = {
    'TimmBackbone': {'drop_path_rate': 0.5},
    **{kind: {'drop_path_rate': 0.5} for kind in ('mit_b0', 'ConvNeXt')},
    'SwinTransformer': {'drop_path_rate': 0.5, 'drop_rate': 0.2, 'attn_drop_rate': 0.2},
    **{kind: {'drop_path_rate': 0.5, 'attn_drop_rate': 0.2} for kind in ('BEiT', 'MAE', 'VisionTransformer')},
}
PYRAMID = {'type': 'Feature2Pyramid', 'embed_dim': 24}
ONE_STAGE = {'in_index': 3, 'channels': 8}
ALL_STAGES = {'in_index': [0, 1, 2, 3], 'channels': 8}


def heads(channels: tuple[int, ...]) -> dict[str, dict]:
    one = {**ONE_STAGE, 'in_channels': channels[3]}
    every = {**ALL_STAGES, 'in_channels': list(channels)}
    return {
        'ASPPHead': one,
        'DAHead': {**one, 'pam_channels': 4},
        'DAFormerHead': {
            **every,
            'decoder_params': {'embed_dims': 8, 'embed_cfg': {'type': 'mlp'}, 'fusion_cfg': ASPP},
        },
        'DLV2Head': {'in_index': 3, 'in_channels': channels[3]},
        'DepthwiseSeparableASPPHead': {**one, 'c1_in_channels': channels[0], 'c1_channels': 4},
        'FCNHead': one,
        'ISAHead': {**one, 'isa_channels': 4},
        'PSPHead': one,
        'SegFormerHead': {**every, 'decoder_params': {'embed_dim': 8}},
        'UPerHead': every,
    }


def backbone_of(kind: str, **settings) -> torch.nn.Module:
    return build({'type': kind, **BACKBONES[kind][0], **settings})


def test_no_encoder_is_left_out():
    build({'type': 'mit_b0'})
    encoders = {
        name: kind for name, kind in MODELS.module_dict.items() if isinstance(kind, type) and issubclass(kind, Backbone)
    }
    other_sizes = {name for name, kind in encoders.items() if issubclass(kind, MixVisionTransformer)} - {'mit_b0'}
    assert len(other_sizes) == 6  # mit_b1 to mit_b5, and the general network
    assert encoders.keys() - other_sizes == BACKBONES.keys()


@pytest.mark.parametrize('kind', BACKBONES)
def test_features_come_as_a_list_finest_first(kind):
    features = backbone_of(kind).eval()(torch.rand(2, 3, 64, 64))
    assert isinstance(features, list)
    assert [x.shape[1] for x in features] == list(BACKBONES[kind][1])
    sizes = [x.shape[2] for x in features]
    assert sizes == ([4] * 4 if 'img_size' in BACKBONES[kind][0] else [16, 8, 4, 2])


@pytest.mark.parametrize('kind', STOCHASTIC)
def test_a_teacher_predicts_without_chance(kind):
    torch.manual_seed(0)
    backbone = backbone_of(kind, **STOCHASTIC[kind]).train()
    if hasattr(backbone, 'init_weights'):
        backbone.init_weights()
    img = torch.rand(2, 3, 64, 64)
    first, second = backbone(img)[3], backbone(img)[3]
    assert not torch.equal(first, second)
    freeze_stochastic_layers(backbone)
    for a, b in zip(backbone(img), backbone(img), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize('kind', [kind for kind in BACKBONES if kind != 'mit_b0'])
def test_a_missing_file_is_named(kind):
    backbone = backbone_of(kind, pretrained='pretrained/no_such_file.pth')
    with pytest.raises(InputError, match=r'(?s)no_such_file\.pth.*--from-scratch'):
        backbone.init_weights()


@pytest.mark.parametrize('kind', BACKBONES)
def test_every_head_works_on_every_encoder(kind):
    settings, channels = BACKBONES[kind]
    img = torch.rand(2, 3, 64, 64)
    for head, head_settings in heads(channels).items():
        segmentor = build(
            {
                'type': 'EncoderDecoder',
                'backbone': {'type': kind, **settings},
                'neck': PYRAMID if 'img_size' in settings else None,
                'decode_head': {'type': head, 'num_classes': 5, **head_settings},
            }
        ).eval()
        assert segmentor(img).shape == (2, 5, 64, 64), head


@pytest.mark.parametrize('kind', ['SwinTransformer', 'ConvNeXt', 'BEiT', 'MAE', 'VisionTransformer', 'ResNeSt'])
def test_features_can_be_computed_in_half_precision(kind):
    torch.manual_seed(0)
    backbone = backbone_of(kind).eval()
    backbone.init_weights()
    img = torch.rand(1, 3, 64, 64)
    exact = backbone(img)
    with torch.autocast('cpu', torch.bfloat16):
        rounded = backbone(img)
    for a, b in zip(exact, rounded, strict=True):
        assert (a - b.float()).norm() < 0.05 * a.norm()

import copy

import pytest
import torch

from mmseg.errors import InputError
from tests.models.networks import ASPP, build, build_on_meta, daformer_head
from tests.parity import fill_module, golden, manifest, shapes

BN = {'type': 'BN', 'requires_grad': True}
MITB5 = {
    'type': 'DAFormerHead',
    'in_channels': [64, 128, 320, 512],
    'in_index': [0, 1, 2, 3],
    'channels': 256,
    'num_classes': 19,
    'norm_cfg': BN,
}
FUSIONS = {
    'conv1': {'type': 'conv', 'kernel_size': 1, 'norm_cfg': BN},
    'isa': {'type': 'isa', 'isa_channels': 256, 'key_query_num_convs': 1, 'down_factor': (8, 8), 'norm_cfg': BN},
    'aspp': {**ASPP, 'sep': False},
    'sepaspp': ASPP,
    'sepaspp_bottleneck': {'type': 'conv', 'kernel_size': 1, 'norm_cfg': BN},
}


def features(batch=2, height=16, width=24):
    sizes = [(height // 2**i, width // 2**i) for i in range(4)]
    return [torch.rand(batch, channels, *size) for channels, size in zip((8, 16, 40, 64), sizes, strict=True)]


def with_fusion(**fusion):
    cfg = daformer_head()
    return {**cfg, 'decoder_params': {**cfg['decoder_params'], 'fusion_cfg': fusion}}


@pytest.mark.parametrize('fusion', FUSIONS)
def test_parameters_have_the_names_shapes_and_order_of_published_files(fusion):
    params = {'embed_dims': 256, 'embed_cfg': {'type': 'mlp'}, 'fusion_cfg': FUSIONS[fusion]}
    if fusion == 'sepaspp_bottleneck':
        params['embed_neck_cfg'] = {**ASPP, 'type': 'rawconv_and_aspp', 'kernel_size': 1}
    head = build_on_meta({**MITB5, 'decoder_params': params})
    assert list(shapes(head).items()) == list(manifest(f'head_daformer_{fusion}_mitb5').items())


@pytest.mark.parametrize(
    'case',
    ['aspp', 'aspp_pool', 'conv1', 'convembed', 'isa', 'isa_pad', 'sepaspp', 'sepaspp_bottleneck', 'sepaspp_final'],
)
@torch.no_grad()
def test_logits_equal_the_reference(case):
    reference = golden(f'head_daformer_{case}')
    head = fill_module(build(reference.config['decode_head'])).eval()
    inputs = list(reference.inputs().values())
    if 'neck' in reference.config:
        inputs = build(reference.config['neck'])(inputs)
    torch.testing.assert_close(head(inputs), reference.tensor('logits'), atol=2e-5, rtol=1e-4)


def test_building_a_head_leaves_its_config_as_it_was():
    cfg = with_fusion(**ASPP, context_cfg={'type': 'isa', 'isa_channels': 8})
    before = copy.deepcopy(cfg)
    build(cfg)
    assert cfg == before


@torch.no_grad()
def test_context_is_one_more_branch_of_the_pyramid():
    head = build(with_fusion(**ASPP, context_cfg={'type': 'isa', 'isa_channels': 8})).eval()
    fuse = head.fuse_layer
    assert fuse.bottleneck.conv.in_channels == (1 + 4) * 16
    x = torch.rand(1, 64, 16, 24)
    expected = torch.cat([fuse.context_layer(x), *(branch(x) for branch in fuse.aspp_modules)], dim=1)
    torch.testing.assert_close(fuse(x), fuse.bottleneck(expected))


@torch.no_grad()
def test_an_identity_embedding_hands_the_features_on():
    cfg = daformer_head()
    params = {**cfg['decoder_params'], 'embed_dims': [8, 16, 40, 64], 'embed_cfg': {'type': 'id'}}
    head = build({**cfg, 'decoder_params': params}).eval()
    same_size = [torch.rand(1, channels, 6, 6) for channels in (8, 16, 40, 64)]
    expected = head.conv_seg(head.fuse_layer(torch.cat(same_size, dim=1)))
    torch.testing.assert_close(head(same_size), expected)


@torch.no_grad()
def test_stages_are_read_in_the_order_of_in_index_at_the_size_of_the_first():
    cfg = daformer_head(in_index=[2, 0], in_channels=[40, 8])
    logits = build(cfg).eval()(features(height=16, width=24))
    assert logits.shape == (2, 5, 4, 6)


@pytest.mark.parametrize(
    ('params', 'message'),
    [
        ({'embed_dim': 16}, r"'embed_dim'.*'embed_dims'"),
        ({'embed_dims': [16, 16]}, '2 numbers for 4 stages'),
        ({'embed_neck_cfg': 'same'}, 'same_as_embed_cfg'),
        ({'fusion_cfg': {'type': 'asp'}}, r"'asp' is not a known layer.*'aspp'"),
        ({'fusion_cfg': {**ASPP, 'dilation': (1, 2)}}, r"'dilation'.*'dilations'"),
        ({'embed_cfg': {'type': 'id'}}, "type 'id' keeps its 8 channels, but 16"),
    ],
)
def test_wrong_decoder_params_are_named(params, message):
    cfg = daformer_head()
    with pytest.raises(InputError, match=message):
        build({**cfg, 'decoder_params': {**cfg['decoder_params'], **params}})


def test_missing_decoder_params_are_named():
    with pytest.raises(InputError, match="'fusion_cfg' is missing"):
        build(daformer_head(decoder_params={'embed_dims': 16, 'embed_cfg': {'type': 'mlp'}}))

"""What holds for every network family: descriptions without memory, compilation, lower precision, dropout."""

import pytest
import torch

from mmseg.models.layers import ConvModule
from tests.models.networks import ASPP, build, build_on_meta, daformer_head, tiny_backbone, tiny_segmentor

BN = {'type': 'BN', 'requires_grad': True}


def daformer(**fusion):
    params = {'embed_dims': 16, 'embed_cfg': {'type': 'mlp'}, 'fusion_cfg': {'norm_cfg': BN, **fusion}}
    return daformer_head(decoder_params=params)


HEADS = {
    'mlp, separable aspp': daformer(**ASPP),
    'aspp with pooling': daformer(**{**ASPP, 'sep': False, 'pool': True}),
    'aspp with context': daformer(**ASPP, context_cfg={'type': 'isa', 'isa_channels': 8, 'norm_cfg': BN}),
    'conv': daformer(type='conv', kernel_size=1),
    'sep_conv': daformer(type='sep_conv', kernel_size=3),
    'isa': daformer(type='isa', isa_channels=8),
    'segformer': {
        **{key: value for key, value in daformer_head().items() if key != 'decoder_params'},
        'type': 'SegFormerHead',
        'decoder_params': {'embed_dim': 16},
    },
}
heads = pytest.mark.parametrize('head', HEADS)


def loss_of(segmentor):
    torch.manual_seed(1)
    losses = segmentor.forward_train(torch.randn(2, 3, 64, 64), torch.randint(5, (2, 1, 64, 64)), torch.rand(2, 64, 64))
    return segmentor.parse_losses(losses)[0]


@heads
def test_every_parameter_learns(head):
    torch.manual_seed(0)
    segmentor = build(tiny_segmentor(decode_head=HEADS[head])).train()
    segmentor.init_weights()
    loss_of(segmentor).backward()
    idle = {name for name, parameter in segmentor.named_parameters() if parameter.grad is None}
    assert idle == ({'decode_head.conv_seg.weight', 'decode_head.conv_seg.bias'} if head == 'segformer' else set())


def assert_compiles_whole(function, *inputs):
    torch._dynamo.reset()
    compiled = torch.compile(function, backend='eager', fullgraph=True)
    torch.testing.assert_close(compiled(*inputs), function(*inputs))


@pytest.mark.slow
@heads
def test_a_head_and_its_losses_compile_without_a_break(head):
    torch.manual_seed(0)
    decode_head = build(HEADS[head]).eval()
    sizes = zip((8, 16, 40, 64), (16, 8, 4, 2), strict=True)
    features, label = [torch.randn(1, c, s, s) for c, s in sizes], torch.randint(5, (1, 1, 64, 64))
    assert_compiles_whole(lambda features: decode_head.losses(decode_head(features), label), features)


def test_a_training_pass_compiles_without_a_break():
    torch.manual_seed(0)
    segmentor = build(tiny_segmentor()).eval()
    assert_compiles_whole(segmentor.forward_train, torch.randn(1, 3, 64, 64), torch.randint(5, (1, 1, 64, 64)))


@heads
def test_losses_hardly_change_in_bfloat16(head):
    torch.manual_seed(0)
    segmentor = build(tiny_segmentor(decode_head=HEADS[head])).train()
    segmentor.init_weights()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        low = loss_of(segmentor)
    low.backward()
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, loss_of(segmentor), rtol=0.02, atol=0.0)


@heads
def test_a_network_is_described_on_the_meta_device_and_passes_shapes_on(head):
    segmentor = build_on_meta(tiny_segmentor(decode_head=HEADS[head]))
    segmentor.init_weights()
    assert segmentor(torch.empty(2, 3, 65, 40, device='meta')).shape == (2, 5, 65, 40)


def test_the_papers_network_is_described_without_memory():
    head = {**daformer_head(), 'in_channels': [64, 128, 320, 512], 'channels': 256}
    network = build_on_meta(
        tiny_segmentor(backbone={'type': 'mit_b5', 'pretrained': 'pretrained/mit_b5.pth'}, decode_head=head)
    )
    assert all(tensor.is_meta for tensor in [*network.parameters(), *network.buffers()])


def test_recomputing_activations_changes_no_loss_of_a_segmentor():
    losses = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        losses.append(loss_of(build(tiny_segmentor(backbone=tiny_backbone(with_cp=with_cp))).train()))
    assert torch.equal(*losses)


def test_convolutions_of_a_head_share_the_norm_of_its_config():
    segmentor = build(tiny_segmentor(decode_head=daformer(**ASPP)))
    assert {m.norm_name for m in segmentor.decode_head.modules() if isinstance(m, ConvModule)} == {'bn'}

import copy

import pytest
import torch

from mmseg.errors import InputError
from tests.models.networks import build, build_on_meta

SMALL = {'embed_dim': 24, 'depth': 4, 'num_heads': 2}


def adapter(name='vit_tiny_patch16_224', **changes):
    return {'type': 'ViTAdapter', 'model_name': name, 'settings': SMALL, 'width': 8, **changes}


@torch.no_grad()
@pytest.mark.parametrize(
    'name',
    ['vit_tiny_patch16_224', 'vit_small_patch14_reg4_dinov2', 'vit_small_patch16_dinov3', 'eva02_tiny_patch14_224'],
)
def test_a_plain_transformer_gives_a_pyramid(name):
    backbone = build(adapter(name)).eval()
    size = 112 if 'patch14' in name else 64
    features = backbone(torch.rand(1, 3, size, size))
    assert [tuple(x.shape[1:]) for x in features] == [(24, -(-size // s), -(-size // s)) for s in (4, 8, 16, 32)]
    assert backbone.feature_channels == [24] * 4


@torch.no_grad()
def test_at_the_start_the_tokens_are_those_of_the_transformer():
    torch.manual_seed(0)
    backbone, seen = build(adapter()).eval(), []
    plain = build(
        {'type': 'TimmBackbone', 'model_name': 'vit_tiny_patch16_224', 'settings': SMALL, 'out_indices': (3,)}
    )
    plain.load_state_dict({k: v for k, v in backbone.state_dict().items() if k.startswith('model.')})
    backbone.model.blocks[3].register_forward_hook(lambda module, arguments, tokens: seen.append(tokens))
    image = torch.rand(1, 3, 64, 64)
    backbone(image)
    torch.testing.assert_close(seen[0][:, 1:].transpose(1, 2).unflatten(2, (4, 4)), plain.eval()(image)[0])


def test_transformer_and_adapter_learn_together_and_copies_are_independent():
    torch.manual_seed(0)
    backbone = build(adapter()).train()
    with torch.no_grad():
        for injector in backbone.adapter.injectors:
            injector.gamma.fill_(0.1)
    copied = copy.deepcopy(backbone)
    sum(x.square().mean() for x in copied(torch.rand(2, 3, 64, 64))).backward()
    still = [name for name, p in copied.named_parameters() if p.grad is None]
    assert not still
    assert all(parameter.grad is None for parameter in backbone.parameters())


@torch.no_grad()
def test_a_file_of_the_transformer_alone_loads(tmp_path):
    plain = build(
        {'type': 'TimmBackbone', 'model_name': 'vit_tiny_patch16_224', 'settings': SMALL, 'out_indices': (3,)}
    )
    torch.save(plain.model.state_dict(), tmp_path / 'vit.pth')
    backbone = build(adapter(pretrained=str(tmp_path / 'vit.pth')))
    backbone.init_weights()
    assert torch.equal(backbone.model.blocks[0].attn.qkv.weight, plain.model.blocks[0].attn.qkv.weight)


def test_the_adapter_is_as_near_to_the_head_as_the_last_block_and_is_not_frozen():
    backbone = build_on_meta(adapter(frozen_stages=4))
    depths = backbone.block_depths()
    assert {depth for name, depth in depths.items() if name.startswith('adapter.')} == {4}
    assert {name.partition('.')[0] for name, p in backbone.named_parameters() if p.requires_grad} == {'adapter'}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'name': 'convnext_atto', 'settings': {}}, 'no plain vision Transformer'),
        ({'with_cp': True}, 'with_cp'),
        ({'interactions': 5}, r'in 4\.\.4'),
    ],
)
def test_what_cannot_be_adapted_is_one_sentence(changes, message):
    with pytest.raises(InputError, match=message):
        build_on_meta(adapter(**changes))

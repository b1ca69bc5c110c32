"""Whole networks of other projects, other numbers of classes, and parts of files."""

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.weights import foreign_networks, load_network, load_pretrained, pretrained_of
from mmseg.registry import MODELS
from tests.models.networks import daformer_head, tiny_backbone, tiny_segmentor

WIDTHS = (8, 16, 40, 64)
OPENMMLAB_HEAD = {
    'type': 'SegformerHead', 'in_channels': list(WIDTHS), 'in_index': [0, 1, 2, 3], 'channels': 8, 'num_classes': 3,
    'norm_cfg': {'type': 'BN'}, 'dropout_ratio': 0.0,
}  # fmt: skip


def segmentor(**head):
    return MODELS.build(tiny_segmentor(decode_head=head)).eval()


def as_openmmlab(state):
    """The names (and shapes) that OpenMMLab gives a Mix Transformer, for the few kinds of entries there are."""
    renamed = {}
    for old, value in state.items():
        key = old
        for stage in range(1, 5):
            key = key.replace(f'patch_embed{stage}.proj.', f'layers.{stage - 1}.0.projection.')
            key = key.replace(f'patch_embed{stage}.norm.', f'layers.{stage - 1}.0.norm.')
            key = key.replace(f'block{stage}.', f'layers.{stage - 1}.1.')
            key = key.replace(f'backbone.norm{stage}.', f'backbone.layers.{stage - 1}.2.')
        key = key.replace('.attn.proj.', '.attn.attn.out_proj.').replace('.mlp.fc1.', '.ffn.layers.0.')
        key = key.replace('.mlp.dwconv.dwconv.', '.ffn.layers.1.').replace('.mlp.fc2.', '.ffn.layers.4.')
        linear = '.ffn.layers.' in key and key.endswith('weight') and value.ndim == 2
        renamed[key] = value[..., None, None] if linear else value
    for key in [key for key in renamed if '.attn.q.' in key]:
        joined = torch.cat([renamed.pop(key), renamed.pop(key.replace('.q.', '.kv.'))])
        renamed[key.replace('.attn.q.', '.attn.attn.in_proj_')] = joined
    return renamed


@torch.no_grad()
def test_a_trained_segformer_of_openmmlab_predicts_what_it_did(tmp_path):
    theirs, ours = segmentor(**OPENMMLAB_HEAD), segmentor(**OPENMMLAB_HEAD)
    state = as_openmmlab(theirs.state_dict())
    assert not any('patch_embed' in key for key in state)
    torch.save({'state_dict': state, 'meta': {'CLASSES': ('a', 'b', 'c')}}, tmp_path / 'whole.pth')
    assert load_network(ours, tmp_path / 'whole.pth')['CLASSES'] == ('a', 'b', 'c')
    img = torch.randn(1, 3, 32, 64)
    torch.testing.assert_close(ours(img), theirs(img), rtol=0, atol=0)


def test_openmmlabs_segformer_is_named_where_the_config_has_the_papers_decoder(tmp_path):
    state = as_openmmlab(segmentor(**OPENMMLAB_HEAD).state_dict())
    torch.save(state, tmp_path / 'whole.pth')
    paper = {**OPENMMLAB_HEAD, 'type': 'SegFormerHead', 'decoder_params': {'embed_dim': 8}}
    with pytest.raises(InputError, match=r"SegFormer of OpenMMLab.*type='SegformerHead', channels=8"):
        load_network(segmentor(**paper), tmp_path / 'whole.pth')


def test_weights_for_other_classes_load_but_for_the_classifiers(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(foreign_networks, 'print_log', lambda text, *_, **__: said.append(text))
    two, five = segmentor(**daformer_head(num_classes=2)), segmentor(**daformer_head(num_classes=5))
    torch.save(two.state_dict(), tmp_path / 'two.pth')
    classifier = five.decode_head.conv_seg.weight.clone()
    load_network(five, tmp_path / 'two.pth', other_classes=True)
    assert said == [
        f'{tmp_path}/two.pth is for 2 classes, the network for 5: the classifier (decode_head.conv_seg.weight, '
        'decode_head.conv_seg.bias) starts anew, all else is loaded.'
    ]
    assert torch.equal(five.decode_head.conv_seg.weight, classifier)
    for key, value in two.state_dict().items():
        assert 'conv_seg' in key or torch.equal(five.state_dict()[key], value), key
    with pytest.raises(InputError, match='conv_seg'):
        load_network(five, tmp_path / 'two.pth')


def test_another_width_is_no_other_number_of_classes(tmp_path):
    torch.save(segmentor(**daformer_head(num_classes=2, channels=8)).state_dict(), tmp_path / 'narrow.pth')
    with pytest.raises(InputError, match='of another shape'):
        load_network(segmentor(**daformer_head(num_classes=5)), tmp_path / 'narrow.pth', other_classes=True)


def test_a_prefix_takes_a_part_of_a_file(tmp_path):
    encoder = MODELS.build(tiny_backbone())
    state = encoder.state_dict()
    torch.save({'state_dict': {f'net.backbone.{key}': value for key, value in state.items()}}, tmp_path / 'part.pth')
    torch.save({'teacher': {f'backbone.{k}': v for k, v in state.items()}, 'student': {}}, tmp_path / 'dino.pth')
    for file, prefix in (
        ('part.pth', 'net.backbone'),
        ('part.pth', 'net.backbone.'),
        ('dino.pth', 'teacher.backbone.'),
    ):
        wanted = {'type': 'Pretrained', 'checkpoint': str(tmp_path / file), 'prefix': prefix}
        other = MODELS.build(tiny_backbone(init_cfg=wanted))
        other.init_weights()
        assert all(torch.equal(value, state[key]) for key, value in other.state_dict().items())
    with pytest.raises(InputError, match=r"begin with 'encoder\.'; they begin with net"):
        load_pretrained(encoder, str(tmp_path / 'part.pth'), prefix='encoder.')


def test_a_key_of_init_cfg_that_is_not_known_is_refused():
    with pytest.raises(InputError, match="prefix='backbone"):
        pretrained_of(None, {'type': 'Pretrained', 'checkpoint': 'x', 'map_location': 'cpu'}, owner='X')


@pytest.mark.parametrize(
    ('content', 'named'),
    [
        ({'teacher': {'a': torch.ones(1)}, 'student': {'a': torch.ones(1)}}, 'training state of DINO.*prefix='),
        ({'model': {'cls_token': torch.ones(1), 'dist_token': torch.ones(1)}}, 'distilled DeiT'),
    ],
)
def test_known_strangers_are_named(tmp_path, content, named):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(InputError, match=named):
        load_pretrained(MODELS.build(tiny_backbone()), str(tmp_path / 'x.pth'))

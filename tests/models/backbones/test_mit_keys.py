"""Weights of the same encoder as other projects write them."""

import re

import pytest
import torch

from tests.models.networks import build, tiny_backbone

HUGGING_FACE_PARTS = {
    '.attn.q.': '.attention.self.query.',
    '.attn.sr.': '.attention.self.sr.',
    '.attn.norm.': '.attention.self.layer_norm.',
    '.attn.proj.': '.attention.output.dense.',
    '.norm1.': '.layer_norm_1.',
    '.norm2.': '.layer_norm_2.',
    '.mlp.fc1.': '.mlp.dense1.',
    '.mlp.fc2.': '.mlp.dense2.',
}
OPENMMLAB_PARTS = {
    '.attn.proj.': '.attn.attn.out_proj.',
    '.attn.q.': '.attn.attn.in_proj_',
    '.mlp.fc1.': '.ffn.layers.0.',
    '.mlp.dwconv.dwconv.': '.ffn.layers.1.',
    '.mlp.fc2.': '.ffn.layers.4.',
}


def stages_of(state):
    """(kind, stage from 0, rest of the name, tensor) of every entry."""
    for name, value in state.items():
        kind, stage, rest = re.fullmatch(r'(patch_embed|block|norm)([1-4])\.(.*)', name).groups()
        yield kind, int(stage) - 1, rest, value


def replaced(name, parts):
    for ours, theirs in parts.items():
        name = name.replace(ours, theirs)
    return name


def to_hugging_face(state):
    """Our names -> those of a HuggingFace SegFormer classifier."""
    converted = {'classifier.weight': torch.zeros(1000, 64), 'classifier.bias': torch.zeros(1000)}
    for kind, stage, rest, value in stages_of(state):
        group = {'patch_embed': 'patch_embeddings', 'block': 'block', 'norm': 'layer_norm'}[kind]
        parts = {'norm.': 'layer_norm.'} if kind == 'patch_embed' else HUGGING_FACE_PARTS
        key = f'segformer.encoder.{group}.{stage}.' + replaced(rest, parts)
        if '.attn.kv.' in key:
            halves = zip(('key', 'value'), value.chunk(2), strict=True)
            converted |= {key.replace('.attn.kv.', f'.attention.self.{name}.'): half for name, half in halves}
        else:
            converted[key] = value
    return converted


def to_openmmlab(state):
    """Our names and shapes -> those of OpenMMLab's converted encoders."""
    converted = {}
    for kind, stage, rest, value in stages_of(state):
        part = {'patch_embed': '0', 'block': '1', 'norm': '2'}[kind]
        parts = {'proj.': 'projection.'} if kind == 'patch_embed' else OPENMMLAB_PARTS
        key = f'layers.{stage}.{part}.' + replaced(rest, parts)
        if '.in_proj_' in key:
            converted[key] = torch.cat([value, state[f'{kind}{stage + 1}.{rest}'.replace('.attn.q.', '.attn.kv.')]])
        elif re.search(r'\.ffn\.layers\.[04]\.weight', key):
            converted[key] = value[:, :, None, None]
        elif '.attn.kv.' not in key:
            converted[key] = value
    return converted


@pytest.mark.parametrize('foreign', [dict, to_hugging_face, to_openmmlab])
def test_every_known_layout_gives_the_same_encoder(tmp_path, foreign):
    torch.manual_seed(0)
    original = build(tiny_backbone(depths=(2, 1, 1, 1)))
    torch.save(foreign(original.state_dict()), tmp_path / 'weights.pth')
    loaded = build(tiny_backbone(depths=(2, 1, 1, 1), pretrained=str(tmp_path / 'weights.pth')))
    loaded.init_weights()
    assert original.state_dict().keys() == loaded.state_dict().keys()
    for name, value in original.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_names_of_the_foreign_layouts_are_the_published_ones():
    state = build(tiny_backbone()).state_dict()
    hugging_face, openmmlab = to_hugging_face(state), to_openmmlab(state)
    assert {
        'segformer.encoder.patch_embeddings.0.proj.weight',
        'segformer.encoder.patch_embeddings.3.layer_norm.bias',
        'segformer.encoder.block.0.0.attention.self.sr.weight',
        'segformer.encoder.block.2.0.attention.self.key.weight',
        'segformer.encoder.block.1.0.layer_norm_2.weight',
        'segformer.encoder.block.1.0.mlp.dwconv.dwconv.weight',
        'segformer.encoder.layer_norm.3.weight',
    } <= hugging_face.keys()
    assert {
        'layers.0.0.projection.weight',
        'layers.0.1.0.attn.attn.in_proj_weight',
        'layers.0.1.0.attn.attn.in_proj_bias',
        'layers.1.1.0.attn.sr.weight',
        'layers.3.1.0.ffn.layers.4.bias',
        'layers.3.2.weight',
    } <= openmmlab.keys()
    assert openmmlab['layers.0.1.0.attn.attn.in_proj_weight'].shape == (24, 8)

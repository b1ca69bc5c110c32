"""Weights of timm's networks: by name from the hub, and files of all layouts that they are published in."""

import logging

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError
from safetensors.torch import save_file

from mmseg.errors import InputError
from mmseg.models.backbones import timm_weights
from mmseg.models.backbones.timm_weights import say_licence, weights_of
from tests.models.networks import build, build_on_meta
from tools.download import main as download

SMALL = {'embed_dim': 16, 'depth': 1, 'num_heads': 2}


def vit(name, **changes):
    return {'type': 'TimmBackbone', 'model_name': name, 'settings': SMALL, 'out_indices': (0,), **changes}


@pytest.fixture
def said(monkeypatch):
    """(text, level) of what was told."""
    told = []
    monkeypatch.setattr(timm_weights, 'print_log', lambda text, logger, level: told.append((text, level)))
    say_licence.cache_clear()
    return told


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub that has the weights of a small DINOv2 in a file; calls it was asked for."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    file = tmp_path / 'hub.safetensors'
    save_file(build(vit('vit_small_patch14_dinov2')).model.state_dict(), file)
    asked = []
    monkeypatch.setattr(huggingface_hub, 'hf_hub_download', lambda *names: asked.append(names) or str(file))
    return asked


def test_weights_by_name_come_from_the_hub_and_their_licence_is_told_once(hub, said):
    first, second = (build(vit('vit_small_patch14_dinov2', pretrained='timm')) for _ in range(2))
    for backbone in (first, second):
        backbone.init_weights()
    assert hub == [('timm/vit_small_patch14_dinov2.lvd142m', 'model.safetensors')] * 2
    assert all(map(torch.equal, first.parameters(), second.parameters()))
    assert len(said) == 1
    assert 'licence of the weights apache-2.0' in said[0][0]


@pytest.mark.parametrize(
    ('name', 'level'),
    [
        ('vit_small_patch16_dinov3', logging.WARNING),
        ('hiera_tiny_224.mae', logging.WARNING),
        ('pvt_v2_b0', logging.INFO),
    ],
)
def test_a_licence_that_limits_the_use_is_a_warning(name, level, said):
    say_licence(weights_of(name))
    assert [told for _, told in said] == [level]


def test_a_downloaded_file_is_taken_before_the_hub_is_asked(hub, tmp_path, capsys):
    assert download(['timm:vit_small_patch14_dinov2']) == 0
    assert 'licence: apache-2.0' in capsys.readouterr().out
    assert (tmp_path / 'pretrained' / 'vit_small_patch14_dinov2.lvd142m.safetensors').is_file()
    build(vit('vit_small_patch14_dinov2', pretrained='timm')).init_weights()
    assert len(hub) == 1


def test_weights_by_name_that_do_not_fit_are_refused(hub):
    with pytest.raises(InputError, match='does not fit TimmBackbone'):
        build(vit('vit_small_patch14_dinov2', pretrained='timm', settings={**SMALL, 'embed_dim': 24})).init_weights()


class Response:
    """What the hub's errors are made of."""

    status_code, headers, request, url, text = 403, {}, None, '', ''


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (
            GatedRepoError('gated', response=Response()),
            r'only to accounts that have accepted the licence.*hf auth login',
        ),
        (LocalEntryNotFoundError('no network'), r'cannot be downloaded.*mmseg download timm:vit_small_patch14_dinov2'),
    ],
)
def test_weights_that_cannot_be_had_are_one_sentence(error, message, tmp_path, monkeypatch):
    def refuse(*_):
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, 'hf_hub_download', refuse)
    with pytest.raises(InputError, match=message):
        build(vit('vit_small_patch14_dinov2', pretrained='timm')).init_weights()


def test_unknown_weights_are_named_when_the_network_is_built():
    with pytest.raises(InputError, match=r"'vit_small_patch14_dinov2\.lvd1'.*vit_small_patch14_dinov2\.lvd142m"):
        build_on_meta(vit('vit_small_patch14_dinov2.lvd1', pretrained='timm'))


def renamed(state, table):
    """``state`` with parts of its names replaced, one after another."""
    for part, other in table.items():
        state = {key.replace(part, other): value for key, value in state.items()}
    return state


def thirds(state, key, names, *, leave_out=()):
    """A fused ``key`` of ``state`` as the three entries ``names``, without some."""
    parts = state.pop(key).chunk(3)
    return {name: part for name, part in zip(names, parts, strict=True) if name not in leave_out}


def meta_dinov2(model):
    """Meta's file of DINOv2 with registers: positions of the class token apart, a mask token."""
    state = {key: value.clone() for key, value in model.state_dict().items()}
    place = torch.rand(1, 1, 16)
    state['pos_embed'] = torch.cat([place, state['pos_embed']], dim=1)
    state['cls_token'] = state['cls_token'] - place
    state['register_tokens'] = state.pop('reg_token')
    state['mask_token'] = torch.full((1, 16), 0.25)
    return state


def hugging_face_dinov2(model):
    state, found = meta_dinov2(model), {}
    for leaf in ('weight', 'bias'):
        names = [f'blocks.0.attention.attention.{part}.{leaf}' for part in ('query', 'key', 'value')]
        found |= thirds(state, f'blocks.0.attn.qkv.{leaf}', names)
    names = {
        'patch_embed.proj': 'embeddings.patch_embeddings.projection',
        'pos_embed': 'embeddings.position_embeddings',
        'cls_token': 'embeddings.cls_token',
        'mask_token': 'embeddings.mask_token',
        'register_tokens': 'embeddings.register_tokens',
        'attn.proj': 'attention.output.dense',
        'ls1.gamma': 'layer_scale1.lambda1',
        'ls2.gamma': 'layer_scale2.lambda1',
    }
    state = {'layernorm.weight': torch.ones(16), 'layernorm.bias': torch.zeros(16), **state, **found}
    return renamed(state, names | {'blocks.': 'encoder.layer.'})


def hugging_face_dinov2_since_version_5(model):
    parts = {f'attention.attention.{name}': f'attention.{name[0]}_proj' for name in ('query', 'key', 'value')}
    return renamed(hugging_face_dinov2(model), parts | {'attention.output.dense': 'attention.o_proj'})


def meta_dinov3(model):
    state = {key: value.clone() for key, value in model.state_dict().items()}
    state = renamed(state, {'reg_token': 'storage_tokens', 'gamma_1': 'ls1.gamma', 'gamma_2': 'ls2.gamma'})
    unused = {'mask_token': torch.zeros(1, 16), 'rope_embed.periods': torch.ones(3), 'norm.weight': torch.ones(16)}
    bias = {'blocks.0.attn.qkv.bias': torch.zeros(48), 'blocks.0.attn.qkv.bias_mask': torch.full((48,), torch.nan)}
    return state | unused | bias


def hugging_face_dinov3(model):
    state = {key: value for key, value in meta_dinov3(model).items() if 'rope' not in key and 'bias_mask' not in key}
    found = {}
    for leaf in ('weight', 'bias'):
        names = [f'blocks.0.attention.{part}_proj.{leaf}' for part in 'qkv']
        found |= thirds(state, f'blocks.0.attn.qkv.{leaf}', names, leave_out=['blocks.0.attention.k_proj.bias'])
    names = {
        'patch_embed.proj': 'embeddings.patch_embeddings',
        'cls_token': 'embeddings.cls_token',
        'mask_token': 'embeddings.mask_token',
        'storage_tokens': 'embeddings.register_tokens',
        'attn.proj': 'attention.o_proj',
        'ls1.gamma': 'layer_scale1.lambda1',
        'ls2.gamma': 'layer_scale2.lambda1',
        'mlp.fc1': 'mlp.up_proj',
        'mlp.fc2': 'mlp.down_proj',
        'blocks.': 'layer.',
    }
    return renamed(state | found, names)


def hugging_face_dinov3_since_version_5(model):
    """The state dict of the network itself: blocks are in an encoder called model, the rest is beside it."""
    return {
        f'model.{key}' if key.startswith('layer.') else key: value for key, value in hugging_face_dinov3(model).items()
    }


def hugging_face_siglip(model):
    state, found = {key: value.clone() for key, value in model.state_dict().items()}, {}
    for leaf in ('weight', 'bias'):
        names = [f'blocks.0.self_attn.{part}_proj.{leaf}' for part in 'qkv']
        found |= thirds(state, f'blocks.0.attn.qkv.{leaf}', names)
    state['norm.weight'] = torch.ones(16)
    state['embeddings.position_embedding.weight'] = state.pop('pos_embed')[0]
    names = {
        'patch_embed.proj': 'embeddings.patch_embedding',
        'attn.proj': 'self_attn.out_proj',
        '.norm1.': '.layer_norm1.',
        '.norm2.': '.layer_norm2.',
        'blocks.': 'encoder.layers.',
    }
    tower = renamed(state | found, names)
    tower['post_layernorm.weight'] = tower.pop('norm.weight')
    others = {'vision_model.head.probe': torch.zeros(1), 'logit_scale': torch.zeros(1), 'text_model.a': torch.ones(1)}
    return {f'vision_model.{key}': value for key, value in tower.items()} | others


def hugging_face_tower_of_siglip(model):
    state = hugging_face_siglip(model)
    return {key.removeprefix('vision_model.'): value for key, value in state.items() if key.startswith('vision_model.')}


LAYOUTS = {
    'meta dinov2': ('vit_small_patch14_reg4_dinov2', meta_dinov2),
    'hugging face dinov2': ('vit_small_patch14_reg4_dinov2', hugging_face_dinov2),
    'hugging face dinov2, version 5': ('vit_small_patch14_reg4_dinov2', hugging_face_dinov2_since_version_5),
    'meta dinov3': ('vit_small_patch16_dinov3', meta_dinov3),
    'hugging face dinov3': ('vit_small_patch16_dinov3', hugging_face_dinov3),
    'hugging face dinov3, version 5': ('vit_small_patch16_dinov3', hugging_face_dinov3_since_version_5),
    'hugging face siglip, images alone': ('vit_base_patch16_siglip_224', hugging_face_tower_of_siglip),
    'hugging face siglip': ('vit_base_patch16_siglip_224', hugging_face_siglip),
}


@torch.no_grad()
@pytest.mark.parametrize('layout', LAYOUTS)
def test_a_file_of_another_layout_gives_the_same_features(layout, tmp_path):
    name, written = LAYOUTS[layout]
    torch.manual_seed(5)
    theirs = build(vit(name)).eval()
    for parameter in theirs.parameters():
        parameter.normal_(std=0.1)
    torch.save(written(theirs.model), tmp_path / 'weights.pth')
    ours = build(vit(name, pretrained=str(tmp_path / 'weights.pth'), mask_token='dinov2' in name)).eval()
    ours.init_weights()
    image = torch.rand(1, 3, 32, 48)
    torch.testing.assert_close(ours(image), theirs(image), atol=1e-5, rtol=1e-4)
    if 'dinov2' in name:
        assert torch.equal(ours.mask_token, torch.full((1, 1, 16), 0.25))


@torch.no_grad()
@pytest.mark.parametrize('inside', ['', 'model.'])  # since version 5
def test_convnext_of_hugging_face_gives_the_same_features(tmp_path, inside):
    cfg = {
        'type': 'TimmBackbone',
        'model_name': 'convnext_atto',
        'settings': {'dims': (4, 6, 8, 10), 'depths': (1, 1, 1, 1)},
    }
    theirs = build(cfg).eval()
    for parameter in theirs.parameters():
        parameter.normal_(std=0.2)
    names = {'.blocks.': '.layers.', 'conv_dw': 'depthwise_conv', 'mlp.fc': 'pointwise_conv', '.norm.': '.layer_norm.'}
    names |= {'stem.': 'stages.0.downsample_layers.', '.downsample.': '.downsample_layers.'}
    state = {
        key: value[:, :, 0, 0] if value.ndim == 4 and 'pointwise' in key else value
        for key, value in renamed(theirs.model.state_dict(), names).items()
    }
    state = {inside + key: value for key, value in state.items()}
    torch.save(state | {'layer_norm.weight': torch.ones(10), 'layer_norm.bias': torch.ones(10)}, tmp_path / 'hf.pth')
    ours = build({**cfg, 'pretrained': str(tmp_path / 'hf.pth')}).eval()
    ours.init_weights()
    image = torch.rand(1, 3, 64, 64)
    for mine, other in zip(ours(image), theirs(image), strict=True):
        torch.testing.assert_close(mine, other)


def test_biases_that_a_network_has_no_place_for_are_refused(tmp_path):
    state = meta_dinov3(build(vit('vit_small_patch16_dinov3')).model)
    state['blocks.0.attn.qkv.bias'][0] = 1.0
    torch.save(state, tmp_path / 'biased.pth')
    with pytest.raises(InputError, match='qkvb'):
        build(vit('vit_small_patch16_dinov3', pretrained=str(tmp_path / 'biased.pth'))).init_weights()


def test_names_of_weights_are_those_of_timm():
    weights = weights_of('convnext_tiny.dinov3_lvd1689m')
    assert weights.repository == 'timm/convnext_tiny.dinov3_lvd1689m'
    assert weights.local == timm_weights.PRETRAINED_DIR / 'convnext_tiny.dinov3_lvd1689m.safetensors'

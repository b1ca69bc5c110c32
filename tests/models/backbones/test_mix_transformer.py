import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.backbones.mix_transformer import SIZES
from mmseg.models.layers import DropPath
from tests.models.networks import build, build_on_meta, tiny_backbone
from tests.parity import fill_module, golden, manifest, shapes


@pytest.mark.parametrize('size', SIZES)
def test_parameters_have_the_names_shapes_and_order_of_published_files(size):
    assert list(shapes(build_on_meta({'type': size})).items()) == list(manifest(size).items())


LARGE = pytest.param('bb_mit_b5', marks=pytest.mark.slow)


@pytest.mark.parametrize('case', ['bb_mit_b0', 'bb_mit_b0_odd', 'bb_mit_b1', LARGE])
@torch.no_grad()
def test_features_equal_the_reference(case):
    reference = golden(case)
    backbone = fill_module(build(reference.config)).eval()
    (img,) = reference.inputs().values()
    features = backbone(img)
    assert isinstance(features, list)
    if case == 'bb_mit_b0':
        features[0] = features[0][:, ::2]
    for i, feature in enumerate(features):
        torch.testing.assert_close(feature, reference.tensor(f'out{i}'), atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(('height', 'width'), [(32, 32), (33, 65), (97, 40), (128, 224), (20, 300), (5, 7)])
def test_stages_halve_any_size_rounding_up(height, width):
    features = build(tiny_backbone())(torch.rand(1, 3, height, width))
    for feature, stride, channels in zip(features, (4, 8, 16, 32), (8, 16, 40, 64), strict=True):
        assert feature.shape == (1, channels, -(-height // stride), -(-width // stride))


def test_recomputing_activations_changes_no_gradient():
    img = torch.rand(2, 3, 64, 96)
    gradients = []
    for with_cp in (False, True):
        torch.manual_seed(3)
        backbone = build(tiny_backbone(with_cp=with_cp, drop_path_rate=0.5, drop_rate=0.2)).train()
        torch.manual_seed(4)
        sum(feature.square().mean() for feature in backbone(img)).backward()
        gradients.append([parameter.grad for parameter in backbone.parameters()])
    for kept, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, recomputed, rtol=0, atol=0)


def test_recomputing_activations_saves_memory():
    img, kept = torch.rand(1, 3, 64, 64), []
    for with_cp in (False, True):
        saved = []

        def pack(tensor, saved=saved):
            saved.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            build(tiny_backbone(with_cp=with_cp))(img)
        kept.append(sum(saved))
    assert kept[1] < kept[0] / 2


@pytest.mark.parametrize('sizes', ['mit_b0', 'mit_b5'])
def test_stochastic_depth_grows_linearly_over_the_blocks(sizes):
    case = {'mit_b0': 'bb_mit_b0', 'mit_b5': 'mit_b5_drop_path_only'}[sizes]
    backbone = build_on_meta({'type': sizes})
    layers = {name: module for name, module in backbone.named_modules() if isinstance(module, DropPath)}
    rates = {name: layer.drop_prob for name, layer in layers.items() if layer.drop_prob > 0}
    assert rates == pytest.approx(manifest('init_stats')[case]['drop_path'], abs=1e-7)


def test_without_stochastic_depth_and_dropout_training_mode_changes_nothing():
    backbone, img = build(tiny_backbone()), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for trained, tested in zip(backbone.train()(img), backbone.eval()(img), strict=True):
            assert torch.equal(trained, tested)


@pytest.mark.parametrize('rate', ['drop_rate', 'attn_drop_rate', 'drop_path_rate'])
def test_each_kind_of_dropout_acts_in_training_only(rate):
    backbone, img = build(tiny_backbone(**{rate: 0.5})), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert not torch.equal(backbone.train()(img)[3], backbone(img)[3])
        assert torch.equal(backbone.eval()(img)[3], backbone(img)[3])


def test_the_first_patch_embedding_can_be_frozen():
    backbone = build(tiny_backbone(freeze_patch_embed=True))
    frozen = {name.split('.')[0] for name, parameter in backbone.named_parameters() if not parameter.requires_grad}
    assert frozen == {'patch_embed1'}


def test_the_largest_encoder_is_described_without_memory():
    backbone = build_on_meta({'type': 'mit_b5'})
    assert all(tensor.is_meta for tensor in [*backbone.parameters(), *backbone.buffers()])
    assert sum(parameter.numel() for parameter in backbone.parameters()) == 81_443_008


def test_a_misspelt_setting_is_named_with_the_nearest_valid_one():
    with pytest.raises(InputError, match=r"'drop_path'.*'drop_path_rate'"):
        build({'type': 'mit_b0', 'drop_path': 0.1})

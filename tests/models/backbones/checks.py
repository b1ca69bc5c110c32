"""Questions that every encoder is asked."""

import ast
import math

import pytest
import torch

from mmseg.models.layers import DropPath
from tests.models.networks import build, build_on_meta
from tests.parity import fill_module, golden, manifest, shapes


def pinned_config(name: str) -> dict:
    return ast.literal_eval(manifest('index')[name]['config'])


def assert_published_names(name: str) -> None:
    network = build_on_meta(pinned_config(name))
    assert list(shapes(network).items()) == list(manifest(name).items())


@torch.no_grad()
def assert_reference_features(case: str, strides: dict[int, int] | None = None) -> None:
    """``strides``: which channels of which output are stored."""
    reference = golden(case)
    backbone = fill_module(build(reference.config)).eval()
    features = backbone(*reference.inputs().values())
    assert isinstance(features, list)
    assert len(features) == 4
    for i, feature in enumerate(features):
        kept = feature[:, :: (strides or {}).get(i, 1)]
        torch.testing.assert_close(kept, reference.tensor(f'out{i}'), atol=1e-4, rtol=1e-4)


def assert_reference_start(case: str) -> None:
    """Weights without a pretrained file: constants, and standard deviations within the sampling error of both draws."""
    torch.manual_seed(0)
    stats = manifest('init_stats')[case]
    network = build(ast.literal_eval(stats['config']))
    network.init_weights()
    parameters = dict(network.named_parameters())
    assert parameters.keys() == stats['parameters'].keys()
    for name, expected in stats['parameters'].items():
        values = parameters[name].detach().double()
        if 'constant' in expected:
            assert values.numpy() == pytest.approx(expected['constant'], rel=1e-6), name
        else:
            error = math.sqrt(max(expected['kurtosis'] - 1, 0.5) / values.numel())  # theirs is a sample as large
            assert values.std().item() == pytest.approx(expected['std'], rel=5 * error), name


def assert_reference_drop_path(case: str) -> None:
    rates = sorted(set(manifest('init_stats')[case]['drop_path'].values()) | {0.0})
    network = build_on_meta(ast.literal_eval(manifest('init_stats')[case]['config']))
    drawn = [module.drop_prob for module in network.modules() if isinstance(module, DropPath)]
    assert drawn == pytest.approx(rates, abs=1e-6)


def assert_recomputing_changes_nothing(cfg: dict, img: torch.Tensor) -> None:
    gradients = []
    for with_cp in (False, True):
        torch.manual_seed(3)
        backbone = build({**cfg, 'with_cp': with_cp}).train()
        torch.manual_seed(4)
        sum(feature.square().mean() for feature in backbone(img)).backward()
        gradients.append({name: parameter.grad for name, parameter in backbone.named_parameters()})
    kept, recomputed = gradients
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in kept.values())
    for name, gradient in kept.items():
        torch.testing.assert_close(gradient, recomputed[name], rtol=0, atol=0)

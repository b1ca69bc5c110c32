import ast

import pytest
import torch

from mmseg.errors import InputError
from tests.models.networks import build, build_on_meta
from tests.parity import fill_module, golden, manifest, shapes


def test_parameters_have_the_names_shapes_and_order_of_published_files():
    name = 'neck_feature2pyramid_vit_base'
    neck = build_on_meta(ast.literal_eval(manifest('index')[name]['config']))
    assert list(shapes(neck).items()) == list(manifest(name).items())


@torch.no_grad()
def test_the_pyramid_equals_the_reference():
    reference = golden('neck_feature2pyramid')
    features = fill_module(build(reference.config)).eval()(list(reference.inputs().values()))
    features[0] = features[0][:, ::4]
    for i, feature in enumerate(features):
        torch.testing.assert_close(feature, reference.tensor(f'out{i}'), atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_a_coarser_pyramid_starts_at_half_the_factors():
    neck = build({'type': 'Feature2Pyramid', 'embed_dim': 4, 'rescales': [2, 1, 0.5, 0.25]})
    assert [x.shape[2] for x in neck([torch.rand(1, 4, 8, 8)] * 4)] == [16, 8, 4, 2]


@pytest.mark.parametrize('rescales', [[4, 3], [2, 2]])
def test_other_factors_are_refused(rescales):
    with pytest.raises(InputError, match='rescales'):
        build({'type': 'Feature2Pyramid', 'embed_dim': 4, 'rescales': rescales})

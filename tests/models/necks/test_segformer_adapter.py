import pytest
import torch

from mmseg.errors import InputError
from tests.models.networks import build
from tests.parity import golden


def test_the_last_feature_is_enlarged_as_in_the_reference():
    reference = golden('head_daformer_sepaspp_bottleneck')
    features = build(reference.config['neck'])(list(reference.inputs().values()))
    torch.testing.assert_close(features[3][:, ::16], reference.tensor('neck_out3'), atol=2e-5, rtol=1e-4)


def test_other_features_and_the_given_list_stay_as_they_are():
    given = [torch.rand(1, 2, 8, 8), torch.rand(1, 2, 4, 4), torch.rand(1, 2, 2, 2), torch.rand(1, 2, 1, 1)]
    out = build({'type': 'SegFormerAdapter', 'out_layers': [1, 3], 'scales': [2, 8]})(tuple(given))
    assert [x.shape[2] for x in out] == [8, 8, 2, 8]
    assert [x.shape[2] for x in given] == [8, 4, 2, 1]
    assert out[0] is given[0]


def test_every_enlarged_layer_needs_a_scale():
    with pytest.raises(InputError, match='1 scales for 2'):
        build({'type': 'SegFormerAdapter', 'out_layers': [1, 3]})

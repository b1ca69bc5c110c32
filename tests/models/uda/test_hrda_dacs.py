"""HRDA in the whole method, as the reference ran it: the feature distance on one and on both scales."""

import copy
import json
from types import SimpleNamespace

import pytest
import torch

from mmseg.config import legacy
from mmseg.models.layers.box import Box
from mmseg.models.uda.batch import Labelled
from mmseg.registry import MODELS
from tests.parity import fill_module, fill_value, golden


@pytest.fixture(scope='module', params=['context', 'all'])
def distance(request):
    """Loss and gradients of the feature distance alone, with its positions."""
    case = golden('hrda_feat_dist')
    config = copy.deepcopy({key: case.config[key] for key in ('model', 'uda')})
    assert legacy.modernise(config).refused == []
    network, uda = config['model'], config['uda']
    network['feature_scale'] = 0.5 if request.param == 'context' else 'all'
    model = MODELS.build({**uda, 'model': network, 'max_iters': 4}).train()
    fill_module(model.model)
    reference = model.imnet_model.state_dict()
    floats = {key: tuple(value.shape) for key, value in reference.items() if value.is_floating_point()}
    filled = {key: torch.from_numpy(fill_value(f'imnet_model.{key}', shape)) for key, shape in floats.items()}
    model.imnet_model.load_state_dict({**reference, **filled})
    (img,) = case.inputs().values()
    source = Labelled(img, case.tensor('in.label').long(), view=Box(*case.config['hr_crop_box']))
    source.features = model.model.extract_feat(img, source.view)
    model.segmentation_losses = lambda batch, part: {}
    batch = SimpleNamespace(source=source, thing_mask=None)
    losses = model.source_losses(batch)
    losses['src.loss_imnet_feat_dist'].backward()
    return case, 'lr' if request.param == 'context' else 'all', model.model, losses, batch


def test_the_feature_distance_its_positions_and_gradients_are_the_reference_s(distance):
    case, key, network, losses, batch = distance
    expected = json.loads(str(case.arrays[f'{key}.log_vars']))['loss_imnet_feat_dist']
    assert losses['src.loss_imnet_feat_dist'].item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(batch.thing_mask, case.tensor(f'{key}.mask_scale0').bool())
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    assert list(gradients) == json.loads(str(case.arrays[f'{key}.grad_names']))
    for (name, gradient), norm in zip(gradients.items(), case.arrays[f'{key}.grad_l2'], strict=True):
        if norm > 1e-6:
            assert gradient.norm().item() == pytest.approx(norm, rel=5e-3), name

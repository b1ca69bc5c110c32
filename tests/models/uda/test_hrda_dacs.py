"""HRDA in the whole method, as the reference ran it: feature distance on one and on both scales, three iterations."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmseg.models.layers.box import Box
from mmseg.models.uda.batch import Labelled
from mmseg.registry import MODELS
from tests.models.uda.trajectory import Trajectory, final_tensors
from tests.parity import fill_module, fill_value, golden

REFERENCE = golden('hrda_dacs_trajectory')
ITERATIONS = range(REFERENCE.config['iterations'])
# A batch norm follows two linear layers: the true gradient of a bias is zero, and Adam makes steps of its rounding.
ROUNDING = 'decode_head.scale_attention.embed_layers.'


@pytest.fixture(scope='module', params=['context', 'all'])
def distance(request):
    """Loss and gradients of the feature distance alone, with its positions."""
    case = golden('hrda_feat_dist')
    network, uda = copy.deepcopy((case.config['model'], case.config['uda']))
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


@pytest.fixture(scope='module')
def trajectory() -> Trajectory:
    return Trajectory(REFERENCE)


@pytest.mark.slow
@pytest.mark.parametrize('iteration', ITERATIONS)
def test_losses_gradients_pseudo_labels_and_mixed_images(trajectory, iteration):
    trajectory.assert_losses_and_accuracies(iteration)
    trajectory.assert_gradients(iteration)
    trajectory.assert_pseudo_labels_weights_and_mixed_images(iteration, weight_atol=1e-3)


@pytest.mark.slow
def test_final_parameters_and_buffers_of_student_and_teacher(trajectory):
    counts = [len(final_tensors(REFERENCE, kind)) for kind in ('parameter', 'buffer')]
    assert counts == [42, 12]
    trajectory.assert_final_parameters()
    trajectory.assert_final_buffers()


@pytest.mark.slow
@pytest.mark.parametrize('network', ['model', 'ema_model'])
def test_every_parameter_has_moved_as_far(trajectory, network):
    assert_moved(trajectory, network, REFERENCE.arrays[f'final.{network}.update_l2'], rel=2e-2, without_gradient=1e-1)


def assert_moved(trajectory: Trajectory, network: str, expected: np.ndarray, *, rel: float, without_gradient: float):
    names = json.loads(str(REFERENCE.arrays['final.update_names']))
    assert len(names) == len(expected) == 223
    for name, distance in zip(names, expected, strict=True):
        if name.startswith(ROUNDING) and name.endswith('proj.bias'):
            continue
        moved = trajectory.change(f'{network}.{name}').norm().item()
        tolerance = without_gradient if name.endswith('kv.bias') else rel
        assert moved == pytest.approx(distance, rel=tolerance), name


@pytest.mark.slow
def test_in_double_precision_the_trajectory_is_the_reference_s_almost_to_the_digit():
    trajectory = Trajectory(REFERENCE, torch.float64)
    logged = json.loads(str(REFERENCE.arrays['f64.log_vars']))
    norms = json.loads(str(REFERENCE.arrays['f64.grad_l2']))
    for iteration in ITERATIONS:
        values = {name: value.item() for name, value in trajectory.logged[iteration].items() if name != 'loss'}
        assert values == pytest.approx(logged[iteration], rel=1e-6)
        assert trajectory.optimizer.norms[iteration] == pytest.approx(norms[iteration], rel=1e-5)
    for network in ('model', 'ema_model'):
        expected = REFERENCE.arrays[f'f64.final.{network}.update_l2']
        assert_moved(trajectory, network, expected, rel=1e-4, without_gradient=1)

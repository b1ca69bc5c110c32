"""Four iterations of the whole method, against the reference's numbers; the tolerances are the parity data's."""

import json

import numpy as np
import pytest
import torch

from mmseg.engine import acceleration
from tests.models.uda.trajectory import Trajectory, final_tensors
from tests.parity import golden

REFERENCE = golden('dacs_trajectory')
ITERATIONS = range(REFERENCE.config['iterations'])
NEEDS_COMPILER = pytest.mark.skipif(not acceleration.find_compiler(), reason='no C++ compiler')


@pytest.fixture(
    scope='module', params=['plain', 'fused', pytest.param('compiled', marks=[pytest.mark.slow, NEEDS_COMPILER])]
)
def trajectory(request) -> Trajectory:
    return Trajectory(REFERENCE, fuse=request.param == 'fused', compiled=request.param == 'compiled')


@pytest.mark.parametrize('iteration', ITERATIONS)
def test_losses_and_accuracies(trajectory, iteration):
    trajectory.assert_losses_and_accuracies(iteration)


@pytest.mark.parametrize('iteration', ITERATIONS)
def test_gradients_before_the_step(trajectory, iteration):
    trajectory.assert_gradients(iteration)


@pytest.mark.parametrize('iteration', ITERATIONS)
def test_pseudo_labels_weights_and_mixed_images(trajectory, iteration):
    trajectory.assert_pseudo_labels_weights_and_mixed_images(iteration, weight_atol=3e-4)


def test_the_case_stores_the_tensors_these_tests_loop_over():
    assert len(final_tensors(REFERENCE, 'parameter')) == 2 * 24
    assert len(final_tensors(REFERENCE, 'buffer')) == 2 * 6


def test_final_parameters_of_student_and_teacher(trajectory):
    trajectory.assert_final_parameters()


def test_final_batch_norm_buffers_of_student_and_teacher(trajectory):
    trajectory.assert_final_buffers()


@pytest.mark.parametrize('network', ['model', 'ema_model'])
def test_every_parameter_has_moved_as_far(trajectory, network):
    names = json.loads(str(REFERENCE.arrays['final.update_names']))
    expected = REFERENCE.arrays[f'final.{network}.update_l2']
    assert len(names) == len(expected) == 210
    for name, distance in zip(names, expected, strict=True):
        moved = trajectory.change(f'{network}.{name}').norm().item()
        without_gradient = name.endswith('kv.bias')  # its half for the keys
        tolerance = 5e-2 if without_gradient else trajectory.tolerance
        assert moved == pytest.approx(distance, rel=tolerance), name


def test_the_feature_distance_network_has_not_moved(trajectory):
    names = [name for name in trajectory.start if name.startswith('imnet_model.')]
    assert not any(trajectory.change(name).any() for name in names)
    assert bool(REFERENCE.arrays['final.imnet_unchanged'])


@pytest.mark.slow
def test_in_double_precision_the_trajectory_is_the_reference_s_almost_to_the_digit():
    trajectory = Trajectory(REFERENCE, torch.float64)
    logged = json.loads(str(REFERENCE.arrays['f64.log_vars']))
    norms = json.loads(str(REFERENCE.arrays['f64.grad_l2']))
    for iteration in ITERATIONS:
        values = {name: value.item() for name, value in trajectory.logged[iteration].items() if name != 'loss'}
        assert values == pytest.approx(logged[iteration], rel=1e-6)
        assert trajectory.optimizer.norms[iteration] == pytest.approx(norms[iteration], rel=1e-5)
    names = json.loads(str(REFERENCE.arrays['final.update_names']))
    for network in ('model', 'ema_model'):
        moved = [trajectory.change(f'{network}.{name}').norm().item() for name in names]
        exact = [not name.endswith('kv.bias') for name in names]  # its key half has no gradient
        expected = REFERENCE.arrays[f'f64.final.{network}.update_l2']
        assert np.array(moved)[exact] == pytest.approx(expected[exact], rel=1e-4)

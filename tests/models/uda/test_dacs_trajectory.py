"""Four iterations of the whole method, against the reference's numbers; the tolerances are the parity data's."""

import copy
import json

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmseg.engine import acceleration
from mmseg.engine.acceleration import compile_encoders
from mmseg.registry import MODELS
from tests.parity import fill_module, golden

REFERENCE = golden('dacs_trajectory')
LOGGED = json.loads(str(REFERENCE.arrays['log_vars']))
GRADIENTS = json.loads(str(REFERENCE.arrays['grad_l2']))
ITERATIONS = range(REFERENCE.config['iterations'])
NEEDS_COMPILER = pytest.mark.skipif(not acceleration.find_compiler(), reason='no C++ compiler')


class Recorder(OptimWrapper):
    """Notes the gradients' norms right before each optimizer step."""

    def __init__(self, model: nn.Module, **kwargs) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.norms: list[dict[str, float]] = []

    def step(self, **kwargs) -> None:
        self.norms.append({part: gradient_norm(self.model.get_submodule(part)) for part in GRADIENTS[0]})
        super().step(**kwargs)


def gradient_norm(module: nn.Module) -> float:
    return torch.stack([p.grad.double().norm() for p in module.parameters()]).norm().item()


def parameter_groups(model: nn.Module) -> list[dict]:
    """The case's custom keys: `head` wins over `norm`, as they are tried by length and then alphabetically."""
    settings = REFERENCE.config['optimizer']
    return [
        {
            'params': [parameter],
            'lr': settings['lr'] * (10 if 'head' in name else 1),
            'weight_decay': 0.0 if 'norm' in name and 'head' not in name else settings['weight_decay'],
        }
        for name, parameter in model.named_parameters()
    ]


def inputs(iteration: int, dtype: torch.dtype) -> dict:
    norm = REFERENCE.meta['img_norm']
    mean, std = (torch.tensor(norm[key]).view(3, 1, 1) for key in ('mean', 'std'))
    metas = [{'img_norm_cfg': norm}] * 2
    source, target = ((REFERENCE.tensor(f'in.{domain}_img')[iteration] - mean) / std for domain in ('source', 'target'))
    label = REFERENCE.tensor('in.source_label')[iteration].long()
    return {
        'img': source.to(dtype),
        'img_metas': metas,
        'gt_semantic_seg': label,
        'target_img': target.to(dtype),
        'target_img_metas': metas,
    }


class Trajectory:
    """Runs the four iterations once, and keeps what the tests ask for."""

    def __init__(self, dtype: torch.dtype = torch.float32, *, fuse: bool = False, compiled: bool = False) -> None:
        network, uda = copy.deepcopy((REFERENCE.config['model'], REFERENCE.config['uda']))
        del network['backbone']['style'], uda['print_grad_magnitude']  # keys without effect
        uda |= {'debug_img_interval': 1, 'fuse_forward': fuse}
        self.model = MODELS.build({**uda, 'model': network, 'max_iters': REFERENCE.config['runner']['max_iters']})
        for part in (self.model.model, self.model.ema_model, self.model.imnet_model):
            fill_module(part).to(dtype)
        # Compiled kernels round otherwise, and AdamW's first steps are as long for gradients that are mostly rounding.
        self.tolerance = 3e-2 if compiled else 1e-2
        if compiled:
            compile_encoders(self.model, True, device=torch.device('cpu'))
        self.start = {key: value.clone() for key, value in self.model.state_dict().items()}
        adamw = torch.optim.AdamW(parameter_groups(self.model.model), betas=REFERENCE.config['optimizer']['betas'])
        self.optimizer = Recorder(self.model.model, optimizer=adamw)
        masks = iter(REFERENCE.tensor('in.mix_mask').squeeze(3).bool())
        self.model.mix_mask = lambda label: next(masks)
        self.logged, self.steps = [], []
        for iteration in ITERATIONS:
            self.model.train()
            self.logged.append(self.model.train_step(inputs(iteration, dtype), self.optimizer))
            self.steps.append(self.model.last_step)
        self.end = self.model.state_dict()

    def change(self, name: str) -> Tensor:
        return self.end[name].double() - self.start[name].double()


@pytest.fixture(
    scope='module', params=['plain', 'fused', pytest.param('compiled', marks=[pytest.mark.slow, NEEDS_COMPILER])]
)
def trajectory(request) -> Trajectory:
    return Trajectory(fuse=request.param == 'fused', compiled=request.param == 'compiled')


@pytest.mark.parametrize('iteration', ITERATIONS)
def test_losses_and_accuracies(trajectory, iteration):
    logged = {name: value.item() for name, value in trajectory.logged[iteration].items()}
    assert logged.pop('loss') == pytest.approx(sum(v for name, v in logged.items() if 'loss' in name), rel=1e-6)
    assert logged.keys() == LOGGED[iteration].keys()
    for name, expected in LOGGED[iteration].items():
        exact = {'rel': 1e-5 if iteration == 0 else 5e-3} if 'loss' in name else {'abs': 0.1}
        assert logged[name] == pytest.approx(expected, **exact), name


@pytest.mark.parametrize('iteration', ITERATIONS)
def test_gradients_before_the_step(trajectory, iteration):
    assert trajectory.optimizer.norms[iteration] == pytest.approx(GRADIENTS[iteration], rel=2e-2)


@pytest.mark.parametrize('iteration', ITERATIONS)
def test_pseudo_labels_weights_and_mixed_images(trajectory, iteration):
    step = trajectory.steps[iteration]
    for name, value in [('pseudo_label', step.pseudo_label.squeeze(1)), ('mixed_label', step.mixed_label)]:
        expected = REFERENCE.tensor(name)[iteration]
        assert (value == expected).float().mean() >= 0.998, name
    weight = REFERENCE.tensor('pseudo_weight_mixed')[iteration]
    torch.testing.assert_close(step.mixed_weight.squeeze(1), weight, rtol=0, atol=3e-4)
    mixed = REFERENCE.tensor('mixed_img')[iteration]
    torch.testing.assert_close(step.mixed_img[:, :, 3::16, 3::16], mixed, rtol=0, atol=1e-5)


def final_tensors(kind: str) -> list[str]:
    names = [key.removeprefix('final.') for key in REFERENCE.arrays if key.startswith('final.') and '.sums' not in key]
    buffers = ('running_mean', 'running_var', 'num_batches_tracked')
    stored = [name for name in names if name.count('.') > 2]
    return [name for name in stored if name.endswith(buffers) == (kind == 'buffer')]


def test_the_case_stores_the_tensors_these_tests_loop_over():
    assert len(final_tensors('parameter')) == 2 * 24
    assert len(final_tensors('buffer')) == 2 * 6


def test_final_parameters_of_student_and_teacher(trajectory):
    for name in final_tensors('parameter'):
        lr = REFERENCE.config['optimizer']['lr'] * (10 if 'head' in name else 1)
        expected = REFERENCE.tensor(f'final.{name}')
        value = trajectory.end[name].flatten()[:64]
        torch.testing.assert_close(value, expected, rtol=0, atol=0.5 * lr, msg=lambda m, name=name: f'{name}: {m}')


def test_final_batch_norm_buffers_of_student_and_teacher(trajectory):
    for name in final_tensors('buffer'):
        value = trajectory.end[name].flatten()[:64]
        expected = REFERENCE.tensor(f'final.{name}').view(value.shape)
        torch.testing.assert_close(value, expected, rtol=0, atol=3e-3, msg=lambda m, name=name: f'{name}: {m}')


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
    trajectory = Trajectory(torch.float64)
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

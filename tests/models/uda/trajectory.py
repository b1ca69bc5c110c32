"""Iterations of a whole method as the reference ran them, from the inputs and draws of a case; not a test itself."""

import copy
import json
from collections.abc import Iterator

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmseg.engine.acceleration import compile_encoders
from mmseg.models.layers.box import Box
from mmseg.registry import MODELS
from tests.parity import Golden, fill_module


class Recorder(OptimWrapper):
    """Notes the gradients' norms of ``parts`` right before each optimizer step."""

    def __init__(self, model: nn.Module, parts: list[str], **kwargs) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.parts = parts
        self.norms: list[dict[str, float]] = []

    def step(self, **kwargs) -> None:
        self.norms.append({part: gradient_norm(self.model.get_submodule(part)) for part in self.parts})
        super().step(**kwargs)


def gradient_norm(module: nn.Module) -> float:
    return torch.stack([p.grad.double().norm() for p in module.parameters()]).norm().item()


def parameter_groups(model: nn.Module, settings: dict) -> list[dict]:
    """The case's custom keys: `head` wins over `norm`, as they are tried by length and then alphabetically."""
    return [
        {
            'params': [parameter],
            'lr': settings['lr'] * (10 if 'head' in name else 1),
            'weight_decay': 0.0 if 'norm' in name and 'head' not in name else settings['weight_decay'],
        }
        for name, parameter in model.named_parameters()
    ]


class Trajectory:
    """Runs the iterations of a case once, and keeps what the tests ask for.

    Args:
        reference: the case.
        dtype: of weights and images.
        fuse: source and mixed images in one batch.
        compiled: the encoders.
    """

    def __init__(
        self, reference: Golden, dtype: torch.dtype = torch.float32, *, fuse: bool = False, compiled: bool = False
    ) -> None:
        self.reference = reference
        network, uda = copy.deepcopy((reference.config['model'], reference.config['uda']))
        del network['backbone']['style'], uda['print_grad_magnitude']  # keys without effect
        uda |= {'debug_img_interval': 1, 'fuse_forward': fuse}
        self.model = MODELS.build({**uda, 'model': network, 'max_iters': reference.config['runner']['max_iters']})
        for part in (self.model.model, self.model.ema_model, self.model.imnet_model):
            fill_module(part).to(dtype)
        # Compiled kernels round otherwise, and AdamW's first steps are as long for gradients that are mostly rounding.
        self.tolerance = 3e-2 if compiled else 1e-2
        if compiled:
            compile_encoders(self.model, True, device=torch.device('cpu'))
        self.start = {key: value.clone() for key, value in self.model.state_dict().items()}
        settings = reference.config['optimizer']
        adamw = torch.optim.AdamW(parameter_groups(self.model.model, settings), betas=settings['betas'])
        parts = list(json.loads(str(reference.arrays['grad_l2']))[0])
        self.optimizer = Recorder(self.model.model, parts, optimizer=adamw)
        masks = iter(reference.tensor('in.mix_mask').squeeze(3).bool())
        self.model.mix_mask = lambda label: next(masks)
        boxes = self.boxes()
        self.model.draw_view = lambda batch, part: next(boxes, None)
        self.logged, self.steps = [], []
        for iteration in range(reference.config['iterations']):
            self.model.train()
            self.logged.append(self.model.train_step(self.inputs(iteration, dtype), self.optimizer))
            self.steps.append(self.model.last_step)
        self.end = self.model.state_dict()

    def boxes(self) -> Iterator[Box]:
        """Detail crops in the order of the passes, for networks that have some."""
        for box in self.reference.arrays.get('in.hr_crop_box', torch.zeros(0, 4).numpy()).reshape(-1, 4).tolist():
            yield Box(*box)

    def inputs(self, iteration: int, dtype: torch.dtype) -> dict:
        reference, norm = self.reference, self.reference.meta['img_norm']
        mean, std = (torch.tensor(norm[key]).view(3, 1, 1) for key in ('mean', 'std'))
        metas = [{'img_norm_cfg': norm}] * 2
        source, target = (
            (reference.tensor(f'in.{domain}_img')[iteration] - mean) / std for domain in ('source', 'target')
        )
        data = {
            'img': source.to(dtype),
            'img_metas': metas,
            'gt_semantic_seg': reference.tensor('in.source_label')[iteration].long(),
            'target_img': target.to(dtype),
            'target_img_metas': metas,
        }
        if 'in.valid_pseudo_mask' in reference.arrays:
            data['target_valid_pseudo_mask'] = reference.tensor('in.valid_pseudo_mask')[iteration].bool()
        return data

    def change(self, name: str) -> Tensor:
        return self.end[name].double() - self.start[name].double()

    def assert_losses_and_accuracies(self, iteration: int) -> None:
        logged = {name: value.item() for name, value in self.logged[iteration].items()}
        assert logged.pop('loss') == pytest.approx(sum(v for name, v in logged.items() if 'loss' in name), rel=1e-6)
        expected = json.loads(str(self.reference.arrays['log_vars']))[iteration]
        assert logged.keys() == expected.keys()
        for name, value in expected.items():
            exact = {'rel': 1e-5 if iteration == 0 else 5e-3} if 'loss' in name else {'abs': 0.1}
            assert logged[name] == pytest.approx(value, **exact), name

    def assert_gradients(self, iteration: int) -> None:
        expected = json.loads(str(self.reference.arrays['grad_l2']))[iteration]
        assert self.optimizer.norms[iteration] == pytest.approx(expected, rel=2e-2)

    def assert_pseudo_labels_weights_and_mixed_images(self, iteration: int, *, weight_atol: float) -> None:
        step, reference = self.steps[iteration], self.reference
        for name, value in [('pseudo_label', step.pseudo_label.squeeze(1)), ('mixed_label', step.mixed_label)]:
            assert (value == reference.tensor(name)[iteration]).float().mean() >= 0.998, name
        weight = reference.tensor('pseudo_weight_mixed')[iteration]
        torch.testing.assert_close(step.mixed_weight.squeeze(1), weight, rtol=0, atol=weight_atol)
        mixed = reference.tensor('mixed_img')[iteration]
        torch.testing.assert_close(step.mixed_img[:, :, 3::16, 3::16], mixed, rtol=0, atol=1e-5)

    def assert_final_parameters(self) -> None:
        for name in final_tensors(self.reference, 'parameter'):
            lr = self.reference.config['optimizer']['lr'] * (10 if 'head' in name else 1)
            expected = self.reference.tensor(f'final.{name}')
            value = self.end[name].flatten()[:64]
            torch.testing.assert_close(value, expected, rtol=0, atol=0.5 * lr, msg=lambda m, name=name: f'{name}: {m}')

    def assert_final_buffers(self) -> None:
        for name in final_tensors(self.reference, 'buffer'):
            value = self.end[name].flatten()[:64]
            expected = self.reference.tensor(f'final.{name}').view(value.shape)
            torch.testing.assert_close(value, expected, rtol=0, atol=3e-3, msg=lambda m, name=name: f'{name}: {m}')


def final_tensors(reference: Golden, kind: str) -> list[str]:
    names = [key.removeprefix('final.') for key in reference.arrays if key.startswith('final.') and '.sums' not in key]
    buffers = ('running_mean', 'running_var', 'num_batches_tracked')
    stored = [name for name in names if name.count('.') > 2]
    return [name for name in stored if name.endswith(buffers) == (kind == 'buffer')]

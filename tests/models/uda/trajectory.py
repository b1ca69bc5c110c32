"""Iterations of a whole method as the reference did them: what the trajectory tests share.

A new golden is one name in the tests. Its config is the reference's, in the reference's spelling.
"""

import copy
import json
from functools import cached_property
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmseg.config import legacy
from mmseg.engine.acceleration import compile_encoders
from mmseg.models.layers.box import Box
from mmseg.models.uda.masked_consistency import block_mask
from mmseg.registry import MODELS
from tests.parity import Golden, fill_module, golden


class Reference:
    """A golden of a trajectory.

    Attributes:
        case: its name.
        golden: what it holds.
        iterations: how many there are.
        logged: losses and accuracies of each, by name.
        gradients: norms of the gradients of each, by part of the student.
    """

    def __init__(self, case: str) -> None:
        self.case = case
        self.golden: Golden = golden(case)
        self.iterations = range(self.golden.config['iterations'])
        self.logged = json.loads(str(self.golden.arrays['log_vars']))
        self.gradients = json.loads(str(self.golden.arrays['grad_l2']))

    @cached_property
    def config(self) -> dict[str, Any]:
        """The case's config in today's spelling."""
        config = copy.deepcopy({key: self.golden.config[key] for key in ('model', 'uda', 'runner', 'optimizer')})
        assert legacy.modernise(config).refused == []
        return config

    def tensor(self, key: str) -> Tensor:
        return self.golden.tensor(key)

    def has(self, key: str) -> bool:
        return key in self.golden.arrays

    @cached_property
    def without_gradient(self) -> tuple[str, ...]:
        """Ends of names of parameters without a gradient, all or a half of them: Adam moves them by rounding."""
        behind_norms = [f'decode_head.scale_attention.embed_layers.{i}.proj.bias' for i in range(4)]
        return ('kv.bias', *behind_norms)

    def final_tensors(self, kind: str) -> list[str]:
        """Names of the stored final values of student and teacher: of 'parameter' or 'buffer'."""
        names = [key.removeprefix('final.') for key in self.golden.arrays if key.startswith('final.')]
        stored = [name for name in names if '.sums' not in name and name.count('.') > 2]
        buffers = ('running_mean', 'running_var', 'num_batches_tracked')
        return [name for name in stored if name.endswith(buffers) == (kind == 'buffer')]


class Recorder(OptimWrapper):
    """Notes the gradients' norms right before each optimizer step."""

    def __init__(self, model: nn.Module, parts: list[str], **kwargs) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.parts = parts
        self.norms: list[dict[str, float]] = []

    def step(self, **kwargs) -> None:
        self.norms.append({part: gradient_norm(self.model, part) for part in self.parts})
        super().step(**kwargs)


def gradient_norm(model: nn.Module, part: str) -> float:
    """Of the parameters below ``part``, or of the one that it names."""
    found = [p.grad for name, p in model.named_parameters() if f'{name}.'.startswith(f'{part}.')]
    return torch.stack([grad.double().norm() for grad in found]).norm().item()


def parameter_groups(model: nn.Module, settings: dict) -> list[dict]:
    """The cases' custom keys: `head` wins over `norm`, as they are tried by length and then alphabetically."""
    return [
        {
            'params': [parameter],
            'lr': settings['lr'] * (10 if 'head' in name else 1),
            'weight_decay': 0.0 if 'norm' in name and 'head' not in name else settings['weight_decay'],
        }
        for name, parameter in model.named_parameters()
    ]


class Trajectory:
    """Runs the iterations once, and keeps what the tests ask for."""

    def __init__(
        self, reference: Reference, dtype: torch.dtype = torch.float32, *, fuse: bool = False, compiled: bool = False
    ) -> None:
        self.reference = reference
        config = reference.config
        uda = config['uda'] | {'debug_img_interval': 1, 'fuse_forward': fuse}
        self.model = MODELS.build({**uda, 'model': config['model'], 'max_iters': config['runner']['max_iters']})
        for network in self.model.networks():
            fill_module(network.module).to(dtype)
        # Compiled kernels round otherwise, and AdamW's first steps are as long for gradients that are mostly rounding.
        self.tolerance = 3e-2 if compiled else 1e-2 if reference.case == 'dacs_trajectory' else 2e-2
        if compiled:
            compile_encoders(self.model, True, device=torch.device('cpu'))
        self.start = {key: value.clone() for key, value in self.model.state_dict().items()}
        groups = parameter_groups(self.model.model, config['optimizer'])
        adamw = torch.optim.AdamW(groups, betas=config['optimizer']['betas'])
        self.optimizer = Recorder(self.model.model, list(reference.gradients[0]), optimizer=adamw)
        self._take_given_draws()
        self.logged, self.steps = [], []
        for iteration in reference.iterations:
            self.model.train()
            self.logged.append(self.model.train_step(self._inputs(iteration, dtype), self.optimizer))
            self.steps.append(self.model.last_step)
        self.end = self.model.state_dict()

    def change(self, name: str) -> Tensor:
        return self.end[name].double() - self.start[name].double()

    def _take_given_draws(self) -> None:
        """Chance is the reference's: mixing masks, block masks, detail crops. What else draws is switched off."""
        masks = iter(self.reference.tensor('in.mix_mask').squeeze(3).bool())
        self.model.mix_mask = lambda label: next(masks)
        if self.reference.has('in.mask_draw'):
            draws = iter(self.reference.tensor('in.mask_draw'))
            mic = self.model.mic
            mic.augment = lambda method, img, metas: img
            mic.draw_mask = lambda img: block_mask(next(draws), mic.ratio, img.shape[2:]).to(img.dtype)
        if self.reference.has('in.hr_crop_box'):
            boxes = iter(self.reference.tensor('in.hr_crop_box').flatten(0, 1).tolist())
            self.model.model.draw_view = lambda *_: Box(*next(boxes))

    def _inputs(self, iteration: int, dtype: torch.dtype) -> dict:
        norm = self.reference.golden.meta['img_norm']
        mean, std = (torch.tensor(norm[key]).view(3, 1, 1) for key in ('mean', 'std'))
        metas = [{'img_norm_cfg': norm}] * 2
        images = (self.reference.tensor(f'in.{domain}_img')[iteration] for domain in ('source', 'target'))
        source, target = ((img - mean) / std for img in images)
        valid = {}
        if self.reference.has('in.valid_pseudo_mask'):
            mask = self.reference.tensor('in.valid_pseudo_mask')[iteration].bool()
            valid['target_valid_pseudo_mask'] = mask.view(2, 1, *mask.shape[-2:])
        return {
            **valid,
            'img': source.to(dtype),
            'img_metas': metas,
            'gt_semantic_seg': self.reference.tensor('in.source_label')[iteration].long(),
            'target_img': target.to(dtype),
            'target_img_metas': metas,
        }

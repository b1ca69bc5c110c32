"""The method of the final config on drawn images, with and without what makes its step fast."""

import ctypes
import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import MethodType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.arithmetic import set_tf32
from mmseg.benchmark.settings import ENCODERS, FINAL, Setting
from mmseg.compiled import begin_step
from mmseg.config.load import load_config
from mmseg.engine.acceleration import compile_encoders
from mmseg.engine.host_memory import M_MMAP_MAX, M_TRIM_THRESHOLD, keep_freed_memory
from mmseg.engine.layout import lay_out_weights
from mmseg.engine.optim import StudentOptimWrapper, build_optim_wrapper
from mmseg.engine.train import build_model
from mmseg.errors import InputError
from mmseg.models.layers import Conv2d, Linear, conv, linear
from mmseg.models.uda.dacs import DACS
from mmseg.models.uda.teacher import ema_alpha

NORM = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}
#: what a setting takes away from the fast ones: (where, the name there, what takes its place)
WITHOUT: dict[str, tuple[Any, str, Any]] = {
    'no_winograd': (conv, 'FEW_PRODUCTS', False),
    'no_products_back': (conv, 'PRODUCTS_BACK', False),
    'no_pointwise': (Conv2d, 'is_pointwise', lambda layer: False),
    'no_phases': (Conv2d, 'is_dilated_depthwise', lambda layer: False),
    'other_products': (linear, 'SLOW_PRODUCTS', not linear.SLOW_PRODUCTS),
}
GLIBC_START = {M_MMAP_MAX: 65536, M_TRIM_THRESHOLD: 128 * 2**10, -3: 128 * 2**10}  # -3: M_MMAP_THRESHOLD


class Trainer:
    """Student, teacher, ImageNet network and optimizer of one setting."""

    def __init__(self, setting: Setting, *, model: str, size: int, batch: int, device: torch.device) -> None:
        if model not in ENCODERS:
            raise InputError(f'--model {model}: use one of {", ".join(ENCODERS)}.')
        self.setting, self.device = setting, device
        self.plain = 'plain' in setting.words
        torch.manual_seed(0)
        method: Any = _method(setting, model, size)
        self.uda = method.to(device).train()
        if device.type == 'cuda' and not self.plain:
            lay_out_weights(self.uda)
        self.uda.steps = 1000  # the teacher is warmed up
        words = setting.words
        compiled = 'reduce-overhead' if 'graphs' in words else 'compile' in words
        compile_encoders(self.uda, compiled, device=device)
        self.optimizer = _plain_optimizer(self.uda) if self.plain else _optimizer(self.uda, setting.precision)
        if self.plain:
            self.uda.update_teacher = MethodType(_update_teacher_one_by_one, self.uda)
        self.data = drawn_batch(size, batch, device)

    def step(self) -> dict[str, Tensor]:
        """One iteration, with the process set up as the setting wants it."""
        set_tf32('tf32' in self.setting.words)
        begin_step()
        if not self.plain:
            keep_freed_memory()
            with ExitStack() as without:
                for word in WITHOUT.keys() & set(self.setting.words):
                    without.enter_context(patch.object(*WITHOUT[word]))
                return self.uda.train_step(self.data, self.optimizer)
        _return_freed_memory()
        with patch.object(Conv2d, 'forward', _channels_first), patch.object(Linear, 'forward', nn.Linear.forward):
            return self.uda.train_step(self.data, self.optimizer)


def drawn_batch(size: int, batch: int, device: torch.device) -> dict[str, Any]:
    """Images with large and small structure, labels in patches of 32 pixels."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(2 * batch, 3, max(size // 16, 1), max(size // 16, 1), generator=generator)
    img = F.interpolate(coarse, size=(size, size), mode='bilinear')
    img = (img + 0.2 * torch.randn(img.shape, generator=generator)).to(device)
    patches = torch.randint(0, 19, (batch, 1, -(-size // 32), -(-size // 32)), generator=generator)
    label = patches.repeat_interleave(32, 2).repeat_interleave(32, 3)[:, :, :size, :size].contiguous().to(device)
    metas = [{'img_norm_cfg': NORM}] * batch
    return {
        'img': img[:batch],
        'target_img': img[batch:],
        'gt_semantic_seg': label,
        'img_metas': metas,
        'target_img_metas': metas,
    }


def timed_parts(trainer: Trainer, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds that the parts of one step take; the rest is what :meth:`Trainer.step` takes besides."""
    spent: dict[str, float] = {}

    def watch(owner: Any, name: str, part: str) -> None:
        original = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = clock()
            try:
                return original(*args, **kwargs)
            finally:
                spent[part] = spent.get(part, 0.0) + clock() - start

        setattr(owner, name, timed)

    uda, optimizer = trainer.uda, trainer.optimizer
    parts = {
        'update_teacher': 'EMA',
        'pseudo_label': 'teacher forward',
        'mix_mask': 'class mask',
        'mix': 'mix',
        'augment': 'jitter, blur',
        'source_losses': 'source and FD forward',
        'mixed_losses': 'mixed forward',
    }
    originals = {owner: dict(vars(owner)) for owner in (uda, optimizer)}
    for name, part in parts.items():
        watch(uda, name, part)
    for name, part in {'backward': 'backward', 'step': 'optimizer', 'zero_grad': 'zero grad'}.items():
        watch(optimizer, name, part)
    try:
        start = clock()
        trainer.step()
        total = clock() - start
    finally:
        for owner, attributes in originals.items():
            for name in [*parts, 'backward', 'step', 'zero_grad']:
                owner.__dict__.pop(name, None)
                if name in attributes:
                    owner.__dict__[name] = attributes[name]
    return {**spent, 'rest': total - sum(spent.values()), 'step': total}


def _method(setting: Setting, model: str, size: int) -> DACS:
    cfg = load_config(FINAL)
    cfg.model.pretrained = None
    cfg.model.backbone.type = model
    cfg.model.backbone.with_cp = 'checkpoint' in setting.words
    cfg.model.decode_head.in_channels = ENCODERS[model]
    cfg.uda.pseudo_weight_ignore_top = cfg.uda.pseudo_weight_ignore_top * size // 512
    cfg.uda.pseudo_weight_ignore_bottom = cfg.uda.pseudo_weight_ignore_bottom * size // 512
    cfg.uda.debug_img_interval = 10**9
    if 'fuse' in setting.words or 'split' in setting.words or 'plain' in setting.words:
        cfg.uda.fuse_forward = 'fuse' in setting.words
    method: Any = build_model(cfg)
    method.init_weights()
    return method


def _optimizer(uda: DACS, precision: str) -> StudentOptimWrapper:
    return build_optim_wrapper(uda, load_config(FINAL).optimizer, precision=precision)


def _plain_optimizer(uda: DACS) -> StudentOptimWrapper:
    """A parameter group for every tensor, and an update of each on its own."""
    groups = [{'params': [parameter]} for parameter in uda.model.parameters()]
    return StudentOptimWrapper(torch.optim.AdamW(groups, lr=6e-5, weight_decay=0.01, foreach=False, fused=False))


@torch.no_grad()
def _update_teacher_one_by_one(uda: DACS) -> None:
    alpha = ema_alpha(uda.steps, uda.alpha)
    for teacher, student in zip(uda.ema_model.parameters(), uda.model.parameters(), strict=True):
        teacher.copy_(alpha * teacher + (1 - alpha) * student)


def _channels_first(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    """torch's own kernel on the layout that it is given when nobody thinks of layouts."""
    return nn.Conv2d.forward(convolution, x.contiguous())


def _return_freed_memory() -> None:
    """What the C library does by itself: large blocks go back to the system when they are freed."""
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None) if sys.platform.startswith('linux') else None
    if mallopt is not None:
        for parameter, value in GLIBC_START.items():
            mallopt(parameter, value)

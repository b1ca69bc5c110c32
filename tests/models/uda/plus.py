"""The methods beyond DACS and their data on the tiny networks."""

import torch
from torch import Tensor

from mmseg.registry import MODELS
from tests.models.uda.tiny import NUM_CLASSES, batch, segmentor

STILL_IMAGES = {'blur': False, 'color_jitter_probability': 1.0}


def build(kind: str = 'DACSPlus', *, model: dict | None = None, **uda):
    torch.manual_seed(0)
    settings = {'max_iters': 12, 'pseudo_threshold': 0.25, 'debug_img_interval': 1, **uda}
    return MODELS.build({'type': kind, 'model': model or segmentor(), **settings}).train()


def full_batch(seed: int = 0) -> dict:
    """A batch with long-tail pixels (a square of class 5, a stripe of class 4) and a second source image."""
    data, generator = batch(seed), torch.Generator().manual_seed(100 + seed)
    label = torch.full_like(data['gt_semantic_seg'], 255)
    label[0, :, 4:12, 4:12] = 5
    label[1, :, 20:24] = 4
    blocks = torch.randint(NUM_CLASSES, (2, 1, 4, 4), generator=generator)
    return data | {
        'paste_img': torch.randn(data['img'].shape, generator=generator),
        'paste_label': label,
        'template_img': torch.randn(data['img'].shape, generator=generator),
        'template_gt_semantic_seg': blocks.repeat_interleave(8, 2).repeat_interleave(8, 3),
    }


def gradient_of(model, loss: Tensor) -> list[Tensor]:
    """Of the student's parameters; zeros where the loss does not depend on one."""
    parameters = list(model.model.parameters())
    grads = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, grads, strict=True)]

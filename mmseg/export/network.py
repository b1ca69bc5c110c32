"""What goes into an exported file: a network, with what comes before and after it if that is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from timm.layers import padding
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.config.leaves import first_leaf
from mmseg.errors import InputError
from mmseg.models.layers import conv, linear, resize


class Norm(NamedTuple):
    """How the test pipeline normalises the values 0..255 of images; mean and std are in RGB order with ``to_rgb``."""

    mean: list[float]
    std: list[float]
    to_rgb: bool


class Network(nn.Module):
    """Normalised images (B, bands, H, W) -> logits (B, classes, H, W), as ``mmseg test`` computes them."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return self.model.test_logits(image)


class WithProcessing(nn.Module):
    """RGB images (B, H, W, 3) uint8 -> class ids (B, H, W) uint8 and their probabilities (B, H, W) float32.

    Args:
        model: from :func:`mmseg.apis.init_segmentor`.
        norm: of its test pipeline.
        scale: factor from an image's size to the network's.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, norm: Norm, scale: float) -> None:
        super().__init__()
        self.model, self.scale, self.reverse = model, scale, not norm.to_rgb
        self.register_buffer('mean', torch.tensor(norm.mean).view(1, 3, 1, 1))
        self.register_buffer('std', torch.tensor(norm.std).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = image.permute(0, 3, 1, 2).float()
        x = ((x.flip(1) if self.reverse else x) - self.mean) / self.std
        if self.scale != 1:
            x = F.interpolate(x, scale_factor=self.scale, mode='bilinear', recompute_scale_factor=True)
        logits = self.model.test_logits(x)
        logits = resize(logits, (image.shape[1], image.shape[2]), align_corners=self.model.align_corners)
        confidence, ids = logits.softmax(dim=1).max(dim=1)
        return ids.to(torch.uint8), confidence


def norm_of(cfg: Any) -> Norm:
    """How the test pipeline of ``cfg`` normalises.

    Raises:
        InputError: it does not.
    """
    found = list(_steps(first_leaf(cfg.data.test).get('pipeline') or [], 'Normalize'))
    if not found:
        raise InputError('data.test.pipeline has no step Normalize: what does the network get?')
    step = found[0]
    return Norm(list(step['mean']), list(step['std']), bool(step.get('to_rgb', True)))


def _steps(steps: Any, kind: str) -> Iterator[Any]:
    for step in steps:
        if step.get('type') == kind:
            yield step
        yield from _steps(step.get('transforms') or [], kind)


def exportable(model: Any, *, processing: bool, scale: float) -> nn.Module:
    """``model`` as a module of tensors only, in eval mode.

    Raises:
        InputError: processing is asked for, and the network is not one for pictures.
    """
    if not processing:
        return Network(model).eval()
    norm = norm_of(model.cfg)
    if len(norm.mean) != 3 or model.num_classes > 256:
        raise InputError('--processing is for networks of colour pictures with at most 256 classes: export without it.')
    return WithProcessing(model, norm, scale).eval()


@contextmanager
def plain_kernels() -> Iterator[None]:
    """Let layers compute by operators that every format knows, and not by the ways that are faster on some CPUs.

    Paddings that depend on the image's size are told in short terms (:func:`same_padding`).
    """
    with (
        torch.no_grad(),
        patch.object(conv, 'ONEDNN', False),
        patch.object(conv, 'FEW_PRODUCTS', False),
        patch.object(linear, 'SLOW_PRODUCTS', False),
        patch.object(padding, 'get_same_padding', same_padding),
    ):
        yield


_timm_same_padding = padding.get_same_padding


def same_padding(size: Any, kernel_size: int, stride: int, dilation: int) -> Any:
    """What timm's ``get_same_padding`` gives, of both sides together, without quotients and maxima.

    For torch.export the size of what a convolution gives is a term in the image's size, and each one stands in the
    next: after five of timm's the terms are simplified for more than ten minutes. Here the padded size minus the
    kernel is a multiple of the stride, so that the next size is one floor division.
    """
    reach = dilation * (kernel_size - 1) + 1
    if isinstance(size, Tensor) or reach < stride:
        return _timm_same_padding(size, kernel_size, stride, dilation)
    return ((size + stride - 1) // stride - 1) * stride + reach - size

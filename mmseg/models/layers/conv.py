"""The convolution of heads: ``nn.Conv2d``, kept from the slow kernels that torch would choose on a CPU."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.models.layers.dilated_depthwise import dilated_depthwise
from mmseg.models.layers.processor import ONEDNN, in_order, prefers
from mmseg.models.layers.winograd import winograd
from mmseg.models.layers.winograd_wide import winograd_wide

Way = Callable[[Tensor, Tensor, Tensor | None], Tensor]
#: a "dilated" convolution of one image with no more numbers is torch's own, which loops over the channels
ONEDNN_NUMBERS = 20480
#: Winograd's way pays from so many pixels of an image and so many kernels on: every time it transforms all kernels
WINOGRAD_PIXELS, WINOGRAD_KERNELS = 1024, 2**14


class Conv2d(nn.Conv2d):
    """``nn.Conv2d`` with the same parameters and, up to rounding, the same result."""

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type == 'cpu' and ONEDNN:
            if self.is_pointwise() and input.dtype == torch.float32 and not is_tiny(input):
                if PRODUCTS_BACK and suits_products(input):
                    return _Pointwise.apply(input, self.weight, self.bias)
                return pointwise(input, self.weight, self.bias)
            if self.is_dilated_depthwise() and suits_phases(input):
                return dilated_depthwise(input, self.weight, self.bias, self.dilation[0])
            if FEW_PRODUCTS and self.is_dense() and suits_winograd(input, self.weight):
                predicts = not self.training and not torch.is_grad_enabled()
                return (winograd_wide if predicts else winograd)(input, self.weight, self.bias)
        return super().forward(input)

    def is_pointwise(self) -> bool:
        """Whether it mixes channels only, at every pixel."""
        undone = self.stride == (1, 1) and self.padding == (0, 0)
        return self.kernel_size == (1, 1) and undone and self.groups == 1

    def is_dense(self) -> bool:
        """Whether :func:`winograd` computes it."""
        same = self.stride == self.padding == self.dilation == (1, 1) and self.padding_mode == 'zeros'
        return same and self.kernel_size == (3, 3) and self.groups == 1

    def is_dilated_depthwise(self) -> bool:
        """Whether :func:`dilated_depthwise` computes it."""
        depthwise = self.groups == self.in_channels == self.out_channels
        square = self.kernel_size == (3, 3) and self.stride == (1, 1) and self.dilation[0] == self.dilation[1] > 1
        return depthwise and square and self.padding == self.dilation and self.padding_mode == 'zeros'


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution of one tap by oneDNN: x (B, in, H, W), weight (out, in, 1, 1), bias (out,) -> (B, out, H, W).

    A kernel of one tap has nothing to dilate; but with one thread torch hands only a "dilated" one to oneDNN, which
    takes half of the time of torch's own fallback.
    """
    return F.conv2d(x, weight, bias, dilation=2)


class _Pointwise(torch.autograd.Function):
    """:func:`pointwise`, back by products of matrices: pixels are rows, in channels last."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return pointwise(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        rows = gradient.permute(0, 2, 3, 1).flatten(0, 2)
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = (rows @ weight.flatten(1)).view(*x.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            of_weight = (rows.T @ x.permute(0, 2, 3, 1).flatten(0, 2)).view(weight.shape)
        if ctx.needs_input_grad[2]:
            of_bias = rows.sum(0)
        return of_x, of_weight, of_bias


def is_tiny(x: Tensor) -> bool:
    """Whether ``x`` (B, C, H, W) is below torch's bound for oneDNN."""
    return x.shape[0] == 1 and x.numel() <= ONEDNN_NUMBERS


def suits_products(x: Tensor) -> bool:
    """Whether the way back is one by products of float32 matrices, without moving a number."""
    channels_last = x.is_contiguous(memory_format=torch.channels_last)
    return channels_last and not torch.is_autocast_enabled('cpu')


def suits_phases(x: Tensor) -> bool:
    """Whether whole pixels can be moved: their channels lie together."""
    return x.dtype in (torch.float32, torch.bfloat16) and x.is_contiguous(memory_format=torch.channels_last)


def suits_winograd(x: Tensor, weight: Tensor) -> bool:
    """Whether the way with fewer products is the faster one: each image decides for itself, whatever its batch."""
    if x.dtype != torch.float32 or torch.is_autocast_enabled('cpu'):
        return False
    pixels = x.shape[2] * x.shape[3]
    return pixels >= WINOGRAD_PIXELS and weight.shape[0] * weight.shape[1] >= WINOGRAD_KERNELS


def _pays(name: str, avx2: bool, other: Way, usual: Way, kernel: int) -> bool:
    """Whether the ``other`` way to a convolution is faster, there and back, than the ``usual`` one."""
    x = in_order(1, 256, 64, 64).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = in_order(128, 256, kernel, kernel).requires_grad_()
    gradient = in_order(1, 128, 64, 64).contiguous(memory_format=torch.channels_last)

    def work(way: Way) -> None:
        with torch.enable_grad():
            torch.autograd.grad(way(x, weight, None), (x, weight), gradient)

    return prefers(name, {'AVX2': avx2}, lambda: work(other), lambda: work(usual))


def _direct(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return F.conv2d(x, weight, bias, padding=1)


#: Whether dense 3x3 convolutions take Winograd's way.
FEW_PRODUCTS = _pays('winograd', True, winograd, _direct, kernel=3)
#: Whether convolutions of one tap go back by products of matrices.
PRODUCTS_BACK = _pays('pointwise', True, _Pointwise.apply, pointwise, kernel=1)

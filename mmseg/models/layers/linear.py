"""The linear layer of encoders: ``nn.Linear``, kept from a slow library on some CPUs."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.models.layers.conv import ONEDNN, reaches_onednn

#: Rows, and products of numbers, from which on reordering the weights for oneDNN costs less than it saves.
ROWS, PRODUCTS = 128, 2**23


def is_amd() -> bool:
    """Whether this is a CPU on which MKL, torch's library for products, leaves out its AVX-512 kernels."""
    info = Path('/proc/cpuinfo')
    return info.is_file() and 'AuthenticAMD' in info.read_text(encoding='utf-8', errors='replace')


#: Whether oneDNN, which looks at the instructions rather than at the vendor, computes products in half the time.
SLOW_PRODUCTS = ONEDNN and is_amd()


class Linear(nn.Linear):
    """``nn.Linear`` with the same parameters and, up to rounding, the same result."""

    def forward(self, input: Tensor) -> Tensor:
        return linear_map(input, self.weight, self.bias)


def linear_map(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.linear`` up to rounding: x (..., in), weight (out, in), bias (out,) -> (..., out)."""
    if SLOW_PRODUCTS and x.device.type == 'cpu' and x.dtype == torch.float32:
        row = as_row(x)
        if is_large(row, weight) and reaches_onednn(row) and not torch.is_autocast_enabled('cpu'):
            return pointwise(row, weight, bias).reshape(*x.shape[:-1], -1)
    return F.linear(x, weight, bias)


def is_large(row: Tensor, weight: Tensor) -> bool:
    """Whether the product of ``row`` (1, in, 1, N) and ``weight`` (out, in) is worth its preparation."""
    count = row.shape[3]
    return count >= ROWS and count * weight.numel() >= PRODUCTS


def as_row(x: Tensor) -> Tensor:
    """(..., C) as an image of one row (1, C, 1, N), in channels last."""
    return x.reshape(1, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)


def pointwise(row: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.linear`` of an image of one row (1, in, 1, N) as a convolution with one tap; (1, 1, N, out)."""
    y = F.conv2d(row, weight[:, :, None, None], bias, dilation=2)  # "dilated" goes to oneDNN, see Conv2d
    return y.permute(0, 2, 3, 1)

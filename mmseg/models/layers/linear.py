"""The linear layer of encoders: ``nn.Linear``, kept from a slow library on some CPUs."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.models.layers import conv
from mmseg.models.layers.processor import in_order, prefers

#: Rows of an image, and products of numbers for it, from which on reordering the weights for oneDNN costs less than it
#: saves.
ROWS, PRODUCTS = 128, 2**23


class Linear(nn.Linear):
    """``nn.Linear`` with the same parameters and, up to rounding, the same result."""

    def forward(self, input: Tensor) -> Tensor:
        return linear_map(input, self.weight, self.bias)


def linear_map(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.linear`` up to rounding: x (B, ..., in), weight (out, in), bias (out,) -> (B, ..., out)."""
    if SLOW_PRODUCTS and x.device.type == 'cpu' and x.dtype == torch.float32 and is_large(x, weight):
        return pointwise(x, weight, bias)
    return F.linear(x, weight, bias)


def is_large(x: Tensor, weight: Tensor) -> bool:
    """Whether the product is worth its preparation, and torch hands it to oneDNN.

    An image (x[0]) decides for its batch: the same network on a part of the batch then gives the same bits, so that the
    feature distance between two equal encoders is 0 also where one of them sees more images at a time.
    """
    if torch.is_autocast_enabled('cpu') or x.ndim < 3:
        return False
    rows = math.prod(x.shape[1:-1])
    return rows >= ROWS and rows * weight.numel() >= PRODUCTS and rows * x.shape[-1] > conv.ONEDNN_NUMBERS


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.linear`` as a convolution with one tap, on an image of one row in channels last."""
    row = x.reshape(1, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)
    y = conv.pointwise(row, weight[:, :, None, None], bias)
    return y.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)


def _slow_products() -> bool:
    """Whether oneDNN, which looks at the instructions only, computes products in much less time than torch's library.

    That one (MKL) leaves out its AVX-512 kernels on some processors that could run them.
    """
    x, weight = in_order(1, 512, 512), in_order(512, 512)
    return prefers('products', {'AVX2': False}, lambda: pointwise(x, weight, None), lambda: F.linear(x, weight))


#: Whether large products go to oneDNN.
SLOW_PRODUCTS = _slow_products()

"""The linear layer of encoders: ``nn.Linear``, kept from a slow library on some CPUs."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.models.layers.conv import ONEDNN

#: Inputs and outputs from which on reordering the weights for oneDNN costs less than it saves.
WORTHWHILE = 320


def is_amd() -> bool:
    """Whether this is a CPU on which MKL, torch's library for products, leaves out its AVX-512 kernels."""
    info = Path('/proc/cpuinfo')
    return info.is_file() and 'AuthenticAMD' in info.read_text(encoding='utf-8', errors='replace')


#: Whether oneDNN, which looks at the instructions rather than at the vendor, computes products in half the time.
SLOW_PRODUCTS = ONEDNN and is_amd()


class Linear(nn.Linear):
    """``nn.Linear`` with the same parameters and, up to rounding, the same result."""

    def forward(self, input: Tensor) -> Tensor:
        if SLOW_PRODUCTS and input.device.type == 'cpu' and self.suits(input):
            return pointwise(input, self.weight, self.bias)
        return super().forward(input)

    def suits(self, x: Tensor) -> bool:
        """Whether the layer is wide enough, and fp32 is what it computes in."""
        wide = min(self.in_features, self.out_features) >= WORTHWHILE
        return wide and x.dtype == torch.float32 and not torch.is_autocast_enabled('cpu')


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.linear`` of (..., in) as a convolution with one tap, on an image of one row in channels last."""
    row = x.reshape(1, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)
    y = F.conv2d(row, weight[:, :, None, None], bias, dilation=2)  # "dilated" goes to oneDNN, see Conv2d
    return y.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)

"""The convolution of heads: ``nn.Conv2d``, kept from the slow kernels that torch would choose on a CPU."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.models.layers.dilated_depthwise import dilated_depthwise

#: whether torch was built with the library whose kernels are meant here
ONEDNN = torch.backends.mkldnn.is_available()
#: a "dilated" convolution of one image with no more numbers is torch's own, which loops over the channels
ONEDNN_NUMBERS = 20480


class Conv2d(nn.Conv2d):
    """``nn.Conv2d`` with the same parameters and, up to rounding, the same result."""

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type == 'cpu' and ONEDNN:
            if self.is_pointwise() and input.dtype == torch.float32 and not is_tiny(input):
                # A kernel of one tap has nothing to dilate; but with one thread torch hands only a "dilated" one to
                # oneDNN, which takes half of the time of torch's own fallback.
                return F.conv2d(input, self.weight, self.bias, dilation=2)
            if self.is_dilated_depthwise() and suits_phases(input):
                return dilated_depthwise(input, self.weight, self.bias, self.dilation[0])
        return super().forward(input)

    def is_pointwise(self) -> bool:
        """Whether it mixes channels only, at every pixel."""
        undone = self.stride == (1, 1) and self.padding == (0, 0)
        return self.kernel_size == (1, 1) and undone and self.groups == 1

    def is_dilated_depthwise(self) -> bool:
        """Whether :func:`dilated_depthwise` computes it."""
        depthwise = self.groups == self.in_channels == self.out_channels
        square = self.kernel_size == (3, 3) and self.stride == (1, 1) and self.dilation[0] == self.dilation[1] > 1
        return depthwise and square and self.padding == self.dilation and self.padding_mode == 'zeros'


def is_tiny(x: Tensor) -> bool:
    """Whether ``x`` (B, C, H, W) is below torch's bound for oneDNN."""
    return x.shape[0] == 1 and x.numel() <= ONEDNN_NUMBERS


def suits_phases(x: Tensor) -> bool:
    """Whether whole pixels can be moved: their channels lie together."""
    return x.dtype in (torch.float32, torch.bfloat16) and x.is_contiguous(memory_format=torch.channels_last)

"""Images in the memory layout in which a CPU convolves channel by channel fastest."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.models.layers.processor import in_order, prefers


def convolves_by_channel(network: nn.Module) -> bool:
    """Whether the ``network`` is one of convolutions and batch norms alone, some per channel, as MobileNets are."""
    modules = list(network.modules())
    per_channel = any(isinstance(part, nn.Conv2d) and part.groups == part.in_channels > 1 for part in modules)
    return per_channel and not any(isinstance(part, nn.Linear | nn.LayerNorm) for part in modules)


def pixel_by_pixel(images: Tensor) -> Tensor:
    """The same ``images`` (B, C, H, W); on a CPU that is faster so, the channels of a pixel lie side by side.

    Convolutions keep the layout of what they get, so this is said once, in front of a network.
    """
    if PIXELS_TOGETHER and images.device.type == 'cpu':
        return images.contiguous(memory_format=torch.channels_last)
    return images


def _pays() -> bool:
    """Whether a convolution per channel is faster in that layout, there and back."""
    planes, weight, gradient = in_order(2, 144, 24, 24), in_order(144, 1, 5, 5), in_order(2, 144, 24, 24)

    def work(layout: torch.memory_format) -> None:
        x = planes.contiguous(memory_format=layout).requires_grad_()
        taps = weight.detach().requires_grad_()
        with torch.enable_grad():
            found = F.conv2d(x, taps, padding=2, groups=144)
            torch.autograd.grad(found, (x, taps), gradient.contiguous(memory_format=layout))

    known = {'AVX2': True}
    return prefers('pixels', known, lambda: work(torch.channels_last), lambda: work(torch.contiguous_format))


#: Whether the channels of a pixel lie side by side in networks that :func:`convolves_by_channel` names.
PIXELS_TOGETHER = _pays()

"""Bilinear resizing of feature maps and logits."""

from torch import Tensor
from torch.nn import functional as F


def resize(x: Tensor, size: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    """``x`` (B, C, h, w) bilinearly resized to ``size`` = (H, W); itself where the size is that already."""
    if tuple(x.shape[2:]) == tuple(size):
        return x
    return F.interpolate(x, size=size, mode='bilinear', align_corners=align_corners)

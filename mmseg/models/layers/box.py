"""A rectangle of an image, and what lies under it in maps of other resolutions."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class Box(NamedTuple):
    """Rows ``top``..``bottom`` - 1 and columns ``left``..``right`` - 1, in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, x: Tensor) -> Tensor:
        """The part of ``x`` (..., H, W) in the box, without a copy."""
        return x[..., self.top : self.bottom, self.left : self.right]

    def scaled(self, size: tuple[int, int], to: tuple[int, int]) -> 'Box':
        """The box on a grid of ``to`` = (h, w) cells over an image of ``size`` = (H, W); edges round down."""
        rows, columns = ((edge * to[0] // size[0] for edge in self[:2]), (edge * to[1] // size[1] for edge in self[2:]))
        return Box(*rows, *columns)


def inside(boxes: Iterable[Box], like: Tensor) -> Tensor:
    """(h, w) of the last two dimensions of ``like``: 1 in any of the boxes, 0 elsewhere."""
    mask = like.new_zeros(like.shape[-2:])
    for box in boxes:
        box.cut(mask).fill_(1)
    return mask


def mean_of_windows(windows: Tensor, boxes: list[Box], size: tuple[int, int]) -> Tensor:
    """Put maps of windows where they belong; their mean where they overlap, 0 where there is none.

    Args:
        windows: (len(boxes) * B, C, h, w), window by window: the first B maps are those of the first box.
        boxes: of size (h, w).
        size: (H, W) of the result.
    """
    parts = windows.chunk(len(boxes))
    total = windows.new_zeros((*parts[0].shape[:2], *size))
    shown = windows.new_zeros(size)
    for box, part in zip(boxes, parts, strict=True):
        box.cut(total).add_(part)
        box.cut(shown).add_(1)
    return total / shown.clamp(min=1)


def cut_windows(x: Tensor, boxes: Iterable[Box]) -> Tensor:
    """The boxes of ``x`` (B, ..., H, W), all of one size, as one batch in the order of :func:`mean_of_windows`."""
    return torch.cat([box.cut(x) for box in boxes])

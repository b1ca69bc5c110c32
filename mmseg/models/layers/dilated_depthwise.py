"""Dilated convolution per channel on a CPU, at the speed of an undilated one."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

#: of the images that are convolved: below, the way back of the library takes ten times as long
LEAST_SIDE = 3


def dilated_depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """A 3x3 convolution per channel with padding = ``dilation``; its result has the memory layout of channels last.

    Pixels that are ``dilation`` apart see each other only, so each set of them is an image of its own, to which the
    convolution is an undilated one. CPU libraries have a fast kernel for that one only: at 1024 channels of 64x64
    the way back of the dilated kernel takes ten times as long.

    Args:
        x: (B, C, H, W).
        weight: (C, 1, 3, 3).
        bias: (C,), or None.
        dilation: distance of neighbouring taps in pixels.
    """
    size = (x.shape[2], x.shape[3])
    phases = _ToPhases.apply(x, dilation)
    return _FromPhases.apply(F.conv2d(phases, weight, bias, padding=1, groups=x.shape[1]), dilation, size)


def to_phases(x: Tensor, step: int) -> Tensor:
    """(B, C, H, W) -> (B * step^2, C, h, w): every step-th pixel, and zeros.

    h and w are the quotients of H and W and step, rounded up, and at least :data:`LEAST_SIDE`.
    """
    batch, channels, height, width = x.shape
    rows, columns = (max(-(-side // step), LEAST_SIDE) for side in (height, width))
    exact = height == rows * step and width == columns * step
    new = x.new_empty if exact else x.new_zeros
    phases = new((batch, step, step, rows, columns, channels))
    for part, pixels in _pairs(phases, x.permute(0, 2, 3, 1), step):
        part.copy_(pixels)
    return phases.flatten(0, 2).permute(0, 3, 1, 2)


def from_phases(phases: Tensor, step: int, size: tuple[int, int]) -> Tensor:
    """What :func:`to_phases` made of an image (B, C, H, W) of ``size`` (H, W), back again."""
    nhwc = phases.permute(0, 2, 3, 1).unflatten(0, (-1, step, step))
    shape = (nhwc.shape[0], nhwc.shape[-1], *size)
    # not a view of another tensor: an activation in place may follow
    x = torch.empty(shape, dtype=phases.dtype, device=phases.device, memory_format=torch.channels_last)
    for part, pixels in _pairs(nhwc, x.permute(0, 2, 3, 1), step):
        pixels.copy_(part)
    return x


def _pairs(phases: Tensor, x: Tensor, step: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Views of the same pixels in ``phases`` (B, step, step, h, w, C) and in ``x`` (B, H, W, C), equal in shape.

    Four where ``step`` divides neither side: the whole blocks, those cut at the right, at the bottom, at both.
    """
    for top, rows, p in _blocks(x.shape[1], step):
        for left, columns, q in _blocks(x.shape[2], step):
            block = x[:, top : top + rows * p, left : left + columns * q]
            pixels = block.unflatten(1, (rows, p)).unflatten(3, (columns, q)).permute(0, 2, 4, 1, 3, 5)
            first_row, first_column = top // step, left // step
            part = phases[:, :p, :q, first_row : first_row + rows, first_column : first_column + columns]
            yield part, pixels


def _blocks(side: int, step: int) -> list[tuple[int, int, int]]:
    """(start, number of blocks, pixels in a block): the whole blocks of a side, then the rest of it."""
    whole, rest = divmod(side, step)
    return [block for block in ((0, whole, step), (whole * step, 1, rest)) if block[1] and block[2]]


class _ToPhases(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: int) -> Tensor:
        ctx.step, ctx.size = step, (x.shape[2], x.shape[3])
        return to_phases(x, step)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return from_phases(gradient, ctx.step, ctx.size), None


class _FromPhases(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, phases: Tensor, step: int, size: tuple[int, int]) -> Tensor:
        ctx.step = step
        return from_phases(phases, step, size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return to_phases(gradient, ctx.step), None, None

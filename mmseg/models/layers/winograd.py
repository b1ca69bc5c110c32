"""3x3 convolutions with fewer products (Winograd's F(2x2, 3x3): Lavin and Gray, 2016, 'Fast algorithms for
convolutional neural networks', sec. 4.1).

Four neighbouring outputs of a channel take 36 products in a plain convolution, and 16 here: a patch of 4x4 inputs and
the kernel are transformed by additions (and halves), multiplied number by number, and the sum over the input channels
is transformed back. Per number of a patch this is an ordinary product of matrices over the channels.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

#: patches whose transforms are in memory at a time: enough for products at full speed, few enough to stay in the cache
PATCHES = 256


def winograd(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.conv2d(x, weight, bias, padding=1)`` up to rounding; the result has the memory layout of channels last.

    Images are computed one by one, so that one gives the same bits in every batch.

    Args:
        x: (B, in, H, W).
        weight: (out, in, 3, 3).
        bias: (out,), or None.
    """
    y = _Winograd.apply(x, weight)
    return y if bias is None else y + bias[:, None, None]


class _Winograd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return convolve(x, kernel_transform(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:  # a convolution by the mirrored kernels, from output channels to input channels
            of_x = convolve(gradient, kernel_transform(weight.flip(2, 3).transpose(0, 1)))
        if ctx.needs_input_grad[1]:
            of_weight = weight_gradient(x, gradient)
        return of_x, of_weight


def convolve(x: Tensor, kernel: Tensor) -> Tensor:
    """x (B, in, H, W), transformed kernel (16, in, out) -> (B, out, H, W)."""
    batch, channels, height, width = x.shape
    out = kernel.shape[2]
    even = (height + height % 2, width + width % 2)
    y = torch.empty((batch, *even, out), dtype=x.dtype, device=x.device)
    for padded, target in zip(_padded(x), y, strict=True):
        for first, last in _strips(even):
            patches = input_transform(padded[first : last + 2])
            products = torch.bmm(patches.view(16, -1, channels), kernel)
            output_transform(products.view(*patches.shape[:4], out), target[first:last])
    return y[:, :height, :width].permute(0, 3, 1, 2)


def weight_gradient(x: Tensor, gradient: Tensor) -> Tensor:
    """x (B, in, H, W) and gradient of the output (B, out, H, W) -> gradient of the weight (out, in, 3, 3)."""
    channels, height, width = x.shape[1:]
    out = gradient.shape[1]
    even = (height + height % 2, width + width % 2)
    products = torch.zeros((16, channels, out), dtype=x.dtype, device=x.device)
    for image, pixels in zip(_padded(x), gradient.permute(0, 2, 3, 1), strict=True):
        whole = F.pad(pixels, (0, 0, 0, width % 2, 0, height % 2)) if even != (height, width) else pixels
        for first, last in _strips(even):
            patches = input_transform(image[first : last + 2]).view(16, -1, channels)
            errors = output_adjoint(whole[first:last]).view(16, -1, out)
            products.baddbmm_(patches.transpose(1, 2), errors)
    return kernel_adjoint(products)


def _padded(x: Tensor) -> Iterator[Tensor]:
    """The images of x (B, C, H, W) as (H + 2, W + 2, C) with a margin of zeros, H and W rounded up to even."""
    height, width = x.shape[2:]
    for image in x.permute(0, 2, 3, 1):
        yield F.pad(image, (0, 0, 1, 1 + width % 2, 1, 1 + height % 2))


def _strips(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """(first, last + 1) rows of strips of :data:`PATCHES` patches, or a little less, of an image of even ``size``."""
    height, width = size
    rows = 2 * max(1, PATCHES // (width // 2))
    for first in range(0, height, rows):
        yield first, min(first + rows, height)


def input_transform(image: Tensor) -> Tensor:
    """Pixels (2 t + 2, 2 s + 2, C) -> overlapping 4x4 patches, transformed: (4, 4, t, s, C)."""
    height, width, channels = image.shape
    across = image.new_empty((4, height // 2 - 1, width, channels))
    _difference(image, across, 0)
    patches = image.new_empty((4, 4, height // 2 - 1, width // 2 - 1, channels))
    _difference(across, patches.transpose(0, 1), 2)
    return patches


def _difference(x: Tensor, out: Tensor, dim: int) -> None:
    """Four numbers along ``dim`` at every second position -> d0 - d2, d1 + d2, d2 - d1, d1 - d3, into ``out[i]``."""
    count = x.shape[dim] // 2 - 1
    pairs = x.unflatten(dim, (count + 1, 2))
    even, odd = pairs.unbind(dim + 1)
    d0, d2 = even.narrow(dim, 0, count), even.narrow(dim, 1, count)
    d1, d3 = odd.narrow(dim, 0, count), odd.narrow(dim, 1, count)
    torch.sub(d0, d2, out=out[0])
    torch.add(d1, d2, out=out[1])
    torch.sub(d2, d1, out=out[2])
    torch.sub(d1, d3, out=out[3])


def output_transform(products: Tensor, target: Tensor) -> None:
    """Products (4, 4, t, s, C) -> pixels, written to ``target`` (2 t, 2 s, C)."""
    p0, p1, p2, p3 = products
    lines = (p0 + p1).add_(p2), (p1 - p2).sub_(p3)
    for line, rows in zip(lines, target.unflatten(0, (-1, 2)).unbind(1), strict=True):
        first, second = rows.unflatten(1, (-1, 2)).unbind(2)
        torch.add(line[0], line[1], out=first).add_(line[2])
        torch.sub(line[1], line[2], out=second).sub_(line[3])


def output_adjoint(gradient: Tensor) -> Tensor:
    """Gradient of the pixels (2 t, 2 s, C) -> gradient of the products (4, 4, t, s, C)."""
    height, width, channels = gradient.shape
    lines = gradient.new_empty((4, height // 2, width, channels))
    _spread(gradient.unflatten(0, (-1, 2)).unbind(1), lines)
    products = gradient.new_empty((4, 4, height // 2, width // 2, channels))
    _spread(lines.unflatten(2, (-1, 2)).unbind(3), products.transpose(0, 1))
    return products


def _spread(pair: tuple[Tensor, Tensor], out: Tensor) -> None:
    """Two gradients g0 and g1 -> g0, g0 + g1, g0 - g1, -g1, into ``out[i]``."""
    first, second = pair
    out[0].copy_(first)
    torch.add(first, second, out=out[1])
    torch.sub(first, second, out=out[2])
    torch.neg(second, out=out[3])


def kernel_transform(weight: Tensor) -> Tensor:
    """(out, in, 3, 3) -> (16, in, out)."""
    w = weight.permute(2, 3, 1, 0)
    return _thirds_to_quarters(_thirds_to_quarters(w).transpose(0, 1)).transpose(0, 1).flatten(0, 1)


def _thirds_to_quarters(w: Tensor) -> Tensor:
    """w0, w1, w2 -> w0, (w0 + w1 + w2) / 2, (w0 - w1 + w2) / 2, w2 along the first dimension."""
    mean = (w[0] + w[2]) / 2
    half = w[1] / 2
    return torch.stack([w[0], mean + half, mean - half, w[2]])


def kernel_adjoint(gradient: Tensor) -> Tensor:
    """Gradient of the transformed kernel (16, in, out) -> of the weight (out, in, 3, 3)."""
    u = gradient.unflatten(0, (4, 4))
    return _quarters_to_thirds(_quarters_to_thirds(u).transpose(0, 1)).permute(3, 2, 1, 0).contiguous()


def _quarters_to_thirds(u: Tensor) -> Tensor:
    """u0 + (u1 + u2) / 2, (u1 - u2) / 2, (u1 + u2) / 2 + u3 along the first dimension."""
    mean = (u[1] + u[2]) / 2
    return torch.stack([u[0] + mean, (u[1] - u[2]) / 2, mean + u[3]])

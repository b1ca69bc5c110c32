"""3x3 convolutions with fewer products (Winograd's F(2x2, 3x3): Lavin and Gray, 2016, 'Fast algorithms for
convolutional neural networks', sec. 4.1).

Four neighbouring outputs of a channel take 36 products in a plain convolution, and 16 here: a patch of 4x4 inputs and
the kernel are transformed by additions (and halves), multiplied number by number, and the sum over the input channels
is transformed back. Per number of a patch this is an ordinary product of matrices over the channels.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Tile(NamedTuple):
    """The neighbouring outputs that are computed together, and how."""

    side: int  # pixels
    #: patches whose transforms are in memory at a time: enough for products at full speed, few enough for the cache
    patches: int
    to_patches: Callable[[Tensor], Tensor]  # as :func:`input_transform`
    to_pixels: Callable[[Tensor, Tensor], None]  # as :func:`output_transform`

    def whole(self, height: int, width: int) -> tuple[int, int]:
        """The size, rounded up to tiles."""
        return height + -height % self.side, width + -width % self.side

    def strips(self, image: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """(first, last + 1) rows of strips of :attr:`patches` patches, or a little less, and the pixels they need.

        Args:
            image: (H, W, C).

        Yields:
            the pixels (rows + 2, W + 2, C), H and W rounded up to tiles, in a margin of neighbours or zeros.
        """
        height, width = self.whole(*image.shape[:2])
        rows = self.side * max(1, self.patches // (width // self.side))
        for first in range(0, height, rows):
            last = min(first + rows, height)
            top, bottom = max(first - 1, 0), min(last + 1, len(image))
            margin = (0, 0, 1, 1 + width - image.shape[1], top + 1 - first, last + 1 - bottom)
            yield first, last, F.pad(image[top:bottom], margin)


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
        return convolve(x, kernel_transform(weight), TILE)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:  # a convolution by the mirrored kernels, from output channels to input channels
            of_x = convolve(gradient, kernel_transform(weight.flip(2, 3).transpose(0, 1)), TILE)
        if ctx.needs_input_grad[1]:
            of_weight = weight_gradient(x, gradient)
        return of_x, of_weight


def convolve(x: Tensor, kernel: Tensor, tile: Tile) -> Tensor:
    """x (B, in, H, W), transformed kernel ((side + 2)^2, in, out) -> (B, out, H, W)."""
    batch, channels, height, width = x.shape
    points, _, out = kernel.shape
    y = torch.empty((batch, *tile.whole(height, width), out), dtype=x.dtype, device=x.device)
    for image, target in zip(x.permute(0, 2, 3, 1), y, strict=True):
        for first, last, pixels in tile.strips(image):
            patches = tile.to_patches(pixels)
            products = torch.bmm(patches.view(points, -1, channels), kernel)
            tile.to_pixels(products.view(*patches.shape[:4], out), target[first:last])
    return y[:, :height, :width].permute(0, 3, 1, 2)


def weight_gradient(x: Tensor, gradient: Tensor) -> Tensor:
    """x (B, in, H, W) and gradient of the output (B, out, H, W) -> gradient of the weight (out, in, 3, 3)."""
    channels, height, width = x.shape[1:]
    out = gradient.shape[1]
    even = TILE.whole(height, width)
    products = torch.zeros((16, channels, out), dtype=x.dtype, device=x.device)
    for image, errors in zip(x.permute(0, 2, 3, 1), gradient.permute(0, 2, 3, 1), strict=True):
        whole = F.pad(errors, (0, 0, 0, width % 2, 0, height % 2)) if even != (height, width) else errors
        for first, last, pixels in TILE.strips(image):
            patches = input_transform(pixels).view(16, -1, channels)
            spread = output_adjoint(whole[first:last]).view(16, -1, out)
            products.baddbmm_(patches.transpose(1, 2), spread)
    return kernel_adjoint(products)


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


TILE = Tile(2, 256, input_transform, output_transform)


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

"""3x3 convolutions of predictions with still fewer products: Winograd's F(4x4, 3x3), see ``winograd.py``.

Sixteen neighbouring outputs of a channel take 36 products here, 64 by F(2x2, 3x3) and 144 in a plain convolution. What
is added up is rounded more coarsely than by F(2x2, 3x3), so training keeps that one. Polynomials are evaluated at 0,
+-1/sqrt(2), +-sqrt(2) and infinity: their factors are as close to 1 as those of five points can be, and rounding is a
quarter of that of the usual 0, +-1, +-2 (Barabasz et al., 2020, 'Error analysis and improving the accuracy of Winograd
convolution').
"""

import torch
from torch import Tensor

from mmseg.models.layers.winograd import Tile, convolve

PATCHES = 128  # in the cache at a time
#: the points +-NEAR and +-FAR; their squares are 1/2 and 2
NEAR, FAR = 0.5**0.5, 2**0.5
#: a kernel of three numbers at the six points: (6, 3), float64
KERNEL = torch.tensor(
    [
        [1, 0, 0],
        *([-2 / 3, -2 / 3 * point, -1 / 3] for point in (NEAR, -NEAR)),
        *([1 / 6, 1 / 6 * point, 1 / 3] for point in (FAR, -FAR)),
        [0, 0, 1],
    ],
    dtype=torch.float64,
)


def winograd_wide(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """As :func:`mmseg.models.layers.winograd.winograd`, without a way back.

    Args:
        x: (B, in, H, W).
        weight: (out, in, 3, 3).
        bias: (out,), or None.
    """
    y = convolve(x, kernel_transform(weight), Tile(4, PATCHES, input_transform, output_transform))
    return y if bias is None else y.add_(bias[:, None, None])


def kernel_transform(weight: Tensor) -> Tensor:
    """(out, in, 3, 3) -> (36, in, out)."""
    both = torch.kron(KERNEL, KERNEL).to(weight)
    out, channels = weight.shape[:2]
    return (both @ weight.permute(2, 3, 1, 0).reshape(9, -1)).view(36, channels, out)


def input_transform(image: Tensor) -> Tensor:
    """Pixels (4 t + 2, 4 s + 2, C) -> overlapping 6x6 patches, transformed: (6, 6, t, s, C)."""
    height, width, channels = image.shape
    across = image.new_empty((6, height // 4, width, channels))
    _values(image, across, 0)
    patches = image.new_empty((6, 6, height // 4, width // 4, channels))
    _values(across, patches.transpose(0, 1), 2)
    return patches


def _values(x: Tensor, out: Tensor, dim: int) -> None:
    """Six numbers along ``dim`` at every fourth position -> their six sums, into ``out[i]``."""
    d0, d1, d2, d3, d4, d5 = x.unfold(dim, 6, 4).unbind(-1)
    torch.add(d0, d4, out=out[0]).sub_(d2, alpha=2.5)
    torch.add(d1, d5, out=out[5]).sub_(d3, alpha=2.5)
    for point, other, plus, minus in ((NEAR, 2, out[1], out[2]), (FAR, 0.5, out[3], out[4])):
        odd = torch.sub(d3, d1, alpha=other)
        torch.sub(d4, d2, alpha=other, out=plus)
        torch.sub(plus, odd, alpha=point, out=minus)
        plus.add_(odd, alpha=point)


def output_transform(products: Tensor, target: Tensor) -> None:
    """Products (6, 6, t, s, C) -> pixels, written to ``target`` (4 t, 4 s, C)."""
    lines = products.new_empty((4, *products.shape[1:]))
    _outputs(products, lines)
    for line, rows in zip(lines, target.unflatten(0, (-1, 4)).unbind(1), strict=True):
        _outputs(line, rows.unflatten(1, (-1, 4)).movedim(2, 0))


def _outputs(p: Tensor, out: Tensor) -> None:
    """Six products along the first dimension -> four outputs, into ``out[i]``."""
    near, far = p[1] + p[2], p[3] + p[4]
    torch.add(p[0], near, out=out[0]).add_(far)
    torch.mul(near, 0.5, out=out[2]).add_(far, alpha=2)
    near, far = p[1] - p[2], p[3] - p[4]
    torch.mul(near, NEAR, out=out[1]).add_(far, alpha=FAR)
    torch.add(p[5], near, alpha=NEAR / 2, out=out[3]).add_(far, alpha=2 * FAR)

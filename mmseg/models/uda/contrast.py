"""Pixel contrast of CLUDA (Vayyat et al., 2022, arXiv 2208.14227): features of a class attract, those of others repel.

With unit features z, s_ij = z_i . z_j, P_i the other pixels of the class of i and N_i those of other classes, a pair
has l(z, z')_ij = s_ij - log(exp(s_ij) + sum_{k in N_i} exp(s_ik)), where s_ij = z_i . z'_j.
There is no temperature.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

Order = Literal['aligned', 'published']

#: rows of the matrix of pairs that are in memory at once; with N pixels, a few matrices of CHUNK x N numbers
CHUNK = 1024


class Pixels(NamedTuple):
    """Maps (B, C, h, w) as rows of pixels (N, C), N = h * w * B: all images of a position, then the next position.

    Attributes:
        order: of the pixels of labels and of all numbers of a pixel. 'aligned' is that of the features; 'published'
            is what the published code does: all positions of an image, then the next image, so that with more than
            one image a feature gets the label of another pixel.
    """

    order: Order = 'aligned'

    def features(self, maps: Tensor) -> Tensor:
        """(B, C, h, w) -> (N, C), each of length 1; zeros stay zeros."""
        return F.normalize(maps.permute(2, 3, 0, 1).flatten(0, 2), dim=1)

    def values(self, maps: Tensor) -> Tensor:
        """(B, 1, h, w) -> (N,)."""
        return (maps if self.order == 'published' else maps.permute(2, 3, 0, 1)).flatten()


def pixel_contrast(features: Tensor, label: Tensor, weight: Tensor | None = None, *, chunk: int = CHUNK) -> Tensor:
    """L = -mean_i 1 / max(1, |P_i|) sum_{j in P_i} w_i w_j l(z, z)_ij.

    Args:
        features: z, (N, C), of length 1.
        label: (N,) of the class of each; an ignored pixel's id is a class like any other, as published.
        weight: w, (N,) in 0..1; None is 1 everywhere.
        chunk: pixels whose pairs are in memory at once; the result is the same, rounding aside.
    """

    def of_rows(rows: slice) -> Tensor:
        ratios = log_ratios(features[rows], features, label[rows, None] != label)
        return mean_over_positives(ratios, label, rows, weight)

    return -mean_of_rows(of_rows, len(features), chunk)


def two_resolution_contrast(
    context: Tensor,
    detail: Tensor,
    label: Tensor,
    attention: Tensor,
    inside: Tensor,
    *,
    weight: Tensor | None = None,
    chunk: int = CHUNK,
) -> Tensor:
    """L = -1/2 mean_i 1 / max(1, |P_i|) sum_{j in P_i} w_i w_j [A_ij l(z, z)_ij + (1 - A_ij) l(z, d)_ij].

    A_ij = a_i a_j in the rows of pixels i inside the detail crop, and 0 in the others.

    Args:
        context: z, (N, C), of length 1.
        detail: d, (N, C), likewise of the same pixels; 0 outside the detail crop.
        label: (N,), as in :func:`pixel_contrast`.
        attention: a, (N,) in 0..1, learnt.
        inside: (N,) bool, pixels inside the detail crop.
        weight: w, (N,) in 0..1; None is 1 everywhere.
        chunk: as in :func:`pixel_contrast`.
    """
    of_row = attention * inside

    def of_rows(rows: slice) -> Tensor:
        negative = label[rows, None] != label
        share = of_row[rows, None] * attention
        ratios = share * log_ratios(context[rows], context, negative)
        ratios = ratios + (1 - share) * log_ratios(context[rows], detail, negative)
        return mean_over_positives(ratios, label, rows, weight)

    return -0.5 * mean_of_rows(of_rows, len(context), chunk)


def log_ratios(queries: Tensor, keys: Tensor, negative: Tensor) -> Tensor:
    """l, (n, N), of every query (n, C) with every key (N, C); ``negative`` (n, N) bool says who repels whom."""
    similarity = queries @ keys.T
    exponential = similarity.exp()
    repelled = (exponential * negative).sum(dim=1, keepdim=True)
    return similarity - (exponential + repelled).log()


def mean_over_positives(ratios: Tensor, label: Tensor, rows: slice, weight: Tensor | None) -> Tensor:
    """(n,): for each of the ``rows`` the mean of its ``ratios`` (n, N), weighted, over its P_i; 0 where that is empty.

    Args:
        ratios: of the rows with all pixels.
        label: (N,).
        rows: which of the pixels.
        weight: (N,), or None.
    """
    positive = label[rows, None] == label
    positive.diagonal(rows.start).fill_(False)  # a pixel is no pair with itself, at either resolution
    counted = ratios * positive
    if weight is not None:
        counted = counted * (weight[rows, None] * weight)
    return counted.sum(dim=1) / positive.sum(dim=1).clamp(min=1)


def mean_of_rows(of_rows: Callable[[slice], Tensor], count: int, chunk: int) -> Tensor:
    """The mean over ``count`` rows of what ``of_rows`` gives; its matrices are computed again on the way back."""
    parts = [slice(start, min(start + chunk, count)) for start in range(0, count, chunk)]
    sums = [
        checkpoint(lambda rows: of_rows(rows).sum(), rows, use_reentrant=False, preserve_rng_state=False)
        for rows in parts
    ]
    return torch.stack(sums).sum() / count

"""Maximum mean discrepancy between pooled features of two kinds of images (Gretton et al., 2012; DSP)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.config.values import Finite
from mmseg.errors import InputError, nearest
from mmseg.models.uda.uda_decorator import require
from mmseg.registry import MODELS

ESTIMATES = ('unbiased', 'biased')
#: bandwidths of the five kernels, as multiples of the mean squared distance
BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
#: squared distances that are smaller on average count as none at all
SMALLEST_BANDWIDTH = 1e-12


def multi_kernel(vectors: Tensor, valid: Tensor | None = None) -> Tensor:
    """k(u, v) = sum_i exp(-|u - v|^2 / (sigma * 2^(i-2))), i = 0..4, of all pairs; a vector with itself gives 5.

    sigma is the mean squared distance of all pairs of different vectors. It is a scale, not a part of the distance:
    no gradient passes through it.

    Args:
        vectors: (N, C).
        valid: (N,) bool, those that sigma counts; None = all.

    Returns:
        (N, N).
    """
    squared = torch.cdist(vectors, vectors, compute_mode='donot_use_mm_for_euclid_dist').square()
    with torch.no_grad():
        counts = torch.ones_like(vectors[:, 0]) if valid is None else valid.to(vectors.dtype)
        total = (squared * counts[:, None] * counts).sum()
        pairs = counts.sum().square() - counts.sum()
        sigma = (total / pairs).clamp(min=SMALLEST_BANDWIDTH)
    return torch.stack([torch.exp(-squared / (sigma * factor)) for factor in BANDWIDTHS]).sum(dim=0)


def mmd(source: Tensor, mixed: Tensor, *, estimate: str = 'unbiased', valid: Tensor | None = None) -> Tensor:
    """The squared discrepancy of two sets of n vectors each, a scalar.

    'biased' is the mean of K_ss + K_tt - K_st - K_ts with the kernels of vectors with themselves in it: never below
    0, and above it for equal distributions (about 3.1 for n = 2, 0.1 for n = 64). 'unbiased' leaves those out: its mean
    is 0 for equal distributions, so single values are often negative.

    Args:
        source: (n, C).
        mixed: (n, C).
        estimate: one of :data:`ESTIMATES`.
        valid: (n,) bool, the rows that count in both; None = all. With fewer than two, 'unbiased' is 0.
    """
    kernel = multi_kernel(torch.cat([source, mixed]), None if valid is None else valid.repeat(2))
    counts = torch.ones_like(source[:, 0]) if valid is None else valid.to(source.dtype)
    n = counts.sum()
    across = counts[:, None] * counts  # which pairs count
    within, pairs = across, n.square()
    if estimate == 'unbiased':
        within, pairs = across - torch.diag(counts), (pairs - n).clamp(min=1)
    k = len(source)
    same = ((kernel[:k, :k] + kernel[k:, k:]) * within).sum() / pairs
    value = same - 2 * (kernel[:k, k:] * across).sum() / n.square()
    return torch.where(n > 1, value, 0) if estimate == 'unbiased' else value


def pooled(feature: Tensor) -> Tensor:
    """Global average pooling, (B, C, h, w) -> (B, C), in single precision at least."""
    return feature.mean(dim=(2, 3), dtype=torch.promote_types(feature.dtype, torch.float32))


class FeatureQueue(nn.Module):
    """The newest ``size`` pairs of pooled vectors, without a graph. They are part of a checkpoint.

    How many channels there are is seen in the first vectors, or in the checkpoint.
    """

    source: Tensor
    mixed: Tensor
    filled: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer('source', torch.zeros(size, 0))
        self.register_buffer('mixed', torch.zeros(size, 0))
        self.register_buffer('filled', torch.zeros((), dtype=torch.int64))

    def valid(self) -> Tensor:
        """(size,) bool: the rows that hold something."""
        return torch.arange(self.size, device=self.filled.device) < self.filled

    def open(self, like: Tensor) -> None:
        """Take the number of channels of ``like`` (n, C), if there is none yet."""
        if not self.source.shape[1]:
            self.source, self.mixed = (like.new_zeros(self.size, like.shape[1]) for _ in range(2))

    @torch.no_grad()
    def push(self, source: Tensor, mixed: Tensor) -> None:
        """Put (n, C) of each kind in front; the oldest leave."""
        self.source = torch.cat([source, self.source])[: self.size]
        self.mixed = torch.cat([mixed, self.mixed])[: self.size]
        self.filled = (self.filled + len(source)).clamp(max=self.size)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        for name in ('source', 'mixed'):
            stored = state_dict.get(f'{prefix}{name}')
            if stored is not None and len(stored) == self.size:
                setattr(self, name, self.filled.new_zeros(stored.shape, dtype=stored.dtype))
        super()._load_from_state_dict(state_dict, prefix, *args)


@MODELS.register_module()
class MMD(nn.Module):
    """weight * sum over levels of the MMD between globally pooled features. The student follows its gradient.

    With a queue, the estimate is made of the batch and of the vectors before it. Only those of the batch have a
    gradient; it is scaled up by (n + queued) / n, so that ``weight`` means the same for any length of the queue.

    Args:
        weight: lambda_MMD, above 0 (DSP: 0.005).
        features: levels of the student's features that are compared, -1 = the coarsest.
        estimate: 'unbiased' or 'biased'.
        queue: pairs of pooled vectors kept from earlier steps, 0 = none, else no less than a batch.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(
        self, *, weight: Finite, features: Sequence[int] = (-1,), estimate: str = 'unbiased', queue: int = 0
    ) -> None:
        super().__init__()
        require(isinstance(weight, int | float) and weight > 0, 'uda.mmd.weight', weight, 'above 0 (or mmd=None)')
        levels = isinstance(features, list | tuple) and all(isinstance(level, int) for level in features)
        require(levels and len(features) > 0, 'uda.mmd.features', features, 'a list of feature levels such as [-1]')
        require(len(set(features)) == len(features), 'uda.mmd.features', features, 'a list without repetitions')
        if estimate not in ESTIMATES:
            suggestion = nearest(str(estimate), ESTIMATES)
            raise InputError(f'uda.mmd.estimate is {estimate!r}: use one of {ESTIMATES}.{suggestion}')
        whole = isinstance(queue, int) and not isinstance(queue, bool)
        require(whole and queue >= 0, 'uda.mmd.queue', queue, 'a number of images, 0 = without')
        self.weight = weight
        self.features = tuple(features)
        self.estimate = estimate
        self.queue = queue
        self.queues = nn.ModuleList(FeatureQueue(queue) for _ in features) if queue else None

    def forward(self, source: Sequence[Tensor], mixed: Sequence[Tensor]) -> Tensor:
        """Features (B, C, h, w) of all levels, of both kinds of images -> the weighted term, a scalar.

        Raises:
            InputError: there is no such level, or the batch does not fit the settings.
        """
        self._check(len(source), len(source[-1]))
        total = source[-1].new_zeros((), dtype=torch.float32)
        for i, level in enumerate(self.features):
            x, y = pooled(source[level]), pooled(mixed[level])
            if self.queues is None:
                total = total + mmd(x, y, estimate=self.estimate)
            else:
                total = total + self._with_queue(x, y, self.queues[i])  # type: ignore[arg-type]
        return self.weight * total

    def _with_queue(self, x: Tensor, y: Tensor, queue: FeatureQueue) -> Tensor:
        queue.open(x)
        n = len(x)
        valid = torch.cat([torch.ones_like(x[:, 0], dtype=torch.bool), queue.valid()])
        scale = 1 + queue.filled / n
        rows = [torch.cat([scaled_gradient(new, scale), old]) for new, old in ((x, queue.source), (y, queue.mixed))]
        value = mmd(rows[0], rows[1], estimate=self.estimate, valid=valid)
        queue.push(x, y)
        return value

    def _check(self, levels: int, batch: int) -> None:
        for level in self.features:
            valid = f'levels in {-levels}..{levels - 1}: the student has {levels}'
            require(-levels <= level < levels, 'uda.mmd.features', list(self.features), valid)
        counted = {level % levels for level in self.features}
        require(
            len(counted) == len(self.features), 'uda.mmd.features', list(self.features), 'levels, none of them twice'
        )
        if self.queue:
            require(self.queue >= batch, 'uda.mmd.queue', self.queue, f'no less than a batch of {batch} images')
        elif batch == 1:
            raise InputError('One image has no distribution: with data.samples_per_gpu=1, MMD needs uda.mmd.queue.')


def scaled_gradient(x: Tensor, scale: Tensor) -> Tensor:
    """``x`` itself, whose gradient is multiplied by ``scale``."""
    fixed = x.detach()
    return fixed + scale * (x - fixed)

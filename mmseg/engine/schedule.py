"""The learning rate as one closed formula of the iteration: nothing to step, nothing to save.

    lr(t) = warm(t) * ((base - min_lr) * (1 - t / T) ** power + min_lr)              poly
    lr(t) = warm(t) * ((base - min_lr) * (1 + cos(pi * t / T)) / 2 + min_lr)         CosineAnnealing

The warm-up multiplies the decayed rate of the same iteration (DAFormer, section 4.1: linear over the first
1500 iterations, then linear decay), which a chain of two schedulers does not do.
"""

import math
from dataclasses import dataclass

from mmseg.config.components import told_with_place
from mmseg.config.values import Fraction, NotNegative, Whole
from mmseg.errors import InputError
from mmseg.registry import build

COSINE = 'CosineAnnealing'


@dataclass(frozen=True, kw_only=True)
class LearningRate:
    """lr of iteration t (0-based, in force while iteration t runs) for a parameter group of base rate ``base``.

    Args:
        max_iters: T, the iteration at which the polynomial decay arrives at ``min_lr``.
        policy: 'poly', 'CosineAnnealing', 'fixed', or 'step' (times ``gamma``, by default 0.1, at every iteration
            listed in ``step``).
        warmup: None, or 'linear' (from ``warmup_ratio`` at iteration 0 to 1 at ``warmup_iters``), or
            'constant' (``warmup_ratio`` until ``warmup_iters``).
        power: exponent of the polynomial decay.
        min_lr: rate at the end, the same for all groups; may lie above a group's base rate.
        min_lr_ratio: the same as a share of each group's base rate, instead of ``min_lr``.
        by_epoch: accepted as False only; training is counted in iterations.
    """

    max_iters: int
    policy: str = 'poly'
    warmup: str | None = None
    warmup_iters: Whole = 0
    warmup_ratio: NotNegative = 0.1
    power: NotNegative = 1.0
    min_lr: NotNegative = 0.0
    min_lr_ratio: Fraction | None = None
    step: Whole | tuple[Whole, ...] = ()
    gamma: NotNegative | None = None
    by_epoch: bool = False

    def __post_init__(self) -> None:
        for key, known in (('policy', ('poly', COSINE, 'fixed', 'step')), ('warmup', (None, 'linear', 'constant'))):
            if getattr(self, key) not in known:
                raise InputError(f'lr_config.{key}={getattr(self, key)!r} is not one of {", ".join(map(str, known))}.')
        if self.by_epoch:
            raise InputError('lr_config.by_epoch=True: training is counted in iterations; set by_epoch=False.')
        if self.min_lr_ratio is not None and self.min_lr:
            raise InputError('lr_config: give either min_lr or min_lr_ratio.')
        if self.policy == 'step' and not self.steps:
            raise InputError("lr_config.policy='step' needs step, the iterations at which the rate falls.")
        if self.policy != 'step' and (self.steps or self.gamma is not None):
            raise InputError(f"lr_config: step and gamma are those of policy='step'; policy={self.policy!r} has none.")
        if self.warmup and self.warmup_iters <= 0:
            raise InputError(f'lr_config.warmup={self.warmup!r} needs warmup_iters > 0, got {self.warmup_iters}.')

    @property
    def steps(self) -> tuple[int, ...]:
        """The iterations of policy 'step'."""
        return (self.step,) if isinstance(self.step, int) else self.step

    @property
    def factor(self) -> float:
        """What the rate is multiplied by at each of :attr:`steps`."""
        return 0.1 if self.gamma is None else self.gamma

    def __call__(self, iteration: int, base: float) -> float:
        """The learning rate of ``iteration`` for a group of base rate ``base``."""
        return self._warm(iteration) * self._decayed(iteration, base)

    def _decayed(self, iteration: int, base: float) -> float:
        least = self.min_lr if self.min_lr_ratio is None else self.min_lr_ratio * base
        left = max(1 - iteration / self.max_iters, 0.0)
        if self.policy == 'poly':
            return (base - least) * left**self.power + least
        if self.policy == COSINE:
            return (base - least) * (1 - math.cos(math.pi * left)) / 2 + least
        if self.policy == 'step':
            passed = sum(iteration >= at for at in self.steps)
            return max(base * self.factor**passed, least)
        return base

    def _warm(self, iteration: int) -> float:
        if self.warmup is None or iteration >= self.warmup_iters:
            return 1.0
        if self.warmup == 'constant':
            return self.warmup_ratio
        return 1 - (1 - iteration / self.warmup_iters) * (1 - self.warmup_ratio)

    def _told_least(self) -> str:
        return f'{self.min_lr:g}' if self.min_lr_ratio is None else f'{self.min_lr_ratio:.0%}'

    def __str__(self) -> str:
        warm = f'{self.warmup} warm-up over {self.warmup_iters} iterations, then ' if self.warmup else ''
        decay = {
            'poly': f'polynomial decay of power {self.power:g} to {self._told_least()} at iteration {self.max_iters}',
            COSINE: f'cosine decay to {self._told_least()} at iteration {self.max_iters}',
            'step': f'times {self.factor:g} at iterations {list(self.steps)}',
            'fixed': 'constant',
        }
        return warm + decay[self.policy]


def build_schedule(lr_config: dict | None, max_iters: int) -> LearningRate:
    """The schedule that ``lr_config`` of a config describes; None means a constant rate."""
    arguments = dict(lr_config or {'policy': 'fixed'})
    if 'max_iters' in arguments:
        raise InputError("lr_config has no key 'max_iters'; it is that of runner.")
    arguments['type'] = LearningRate
    return told_with_place('lr_config', lambda: build(arguments, default_args={'max_iters': max_iters}))

"""Soft paste and the soft loss (DSP, Gao et al., 2021, arXiv 2107.09600): what is pasted shines through.

A pasted pixel shows lambda of the source and 1 - lambda of what lies below it. Its label stays one class, so the
prediction of the mixed image is judged twice: by the label of what is pasted, and by the label of what lies below.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmseg.models.losses.base import is_descended
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.models.uda.batch import Labelled
from mmseg.models.uda.uda_decorator import require


def check_strength(strength: float, key: str = 'uda.soft') -> float:
    """``strength`` itself, as a number.

    Raises:
        InputError: it is not a lambda in (0, 1].
    """
    number = isinstance(strength, int | float) and not isinstance(strength, bool)
    require(number and 0 < strength <= 1, key, strength, 'above 0 and at most 1 (0.9 for GTA, 0.8 for Synthia)')
    return float(strength)


def soft_paste(mask: Tensor, strength: float, *, source: Tensor, target: Tensor) -> Tensor:
    """lambda M * source + (1 - lambda M) * target, of images.

    Args:
        mask: M, (B, 1, H, W) bool.
        strength: lambda, in (0, 1].
        source: what is pasted, (B, C, H, W).
        target: what lies below, (B, C, H, W).
    """
    return target.lerp(source, soft_mask(mask, strength).to(target.dtype))


def soft_mask(mask: Tensor, strength: float) -> Tensor:
    """lambda M, (B, 1, H, W) float32."""
    return mask * strength


def soft_losses(
    model: BaseSegmentor, logits: Mapping[str, Any], mixed: Labelled, below: Tensor, strength: float
) -> dict[str, Tensor]:
    """lambda * CE(y_M) + (1 - lambda) * CE(y_below), both weighted by w_M, of one prediction of the student.

    Every head's losses are combined like that, those of auxiliary heads too; accuracies are those of y_M.

    Args:
        model: the student.
        logits: of the mixed image, from :meth:`BaseSegmentor.logits_of`.
        mixed: y_M (B, 1, H, W) and w_M.
        below: label of what the source was pasted on, (B, 1, H, W) int64.
        strength: lambda, in (0, 1].
    """
    weight = None if mixed.weight is None else mixed.weight.squeeze(1)
    values = model.losses_of(logits, mixed.label, weight)
    if strength == 1:
        return values
    lower = model.losses_of(logits, below, weight)
    return {
        name: strength * value + (1 - strength) * lower[name] if is_descended(name) else value
        for name, value in values.items()
    }

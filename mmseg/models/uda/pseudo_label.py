"""Pseudo-labels of the target images and their quality (DACS, sec. 3.1; DAFormer, eq. 3 and 4)."""

from typing import NamedTuple

import torch
from torch import Tensor

from mmseg.errors import InputError


class PseudoLabel(NamedTuple):
    """What the teacher says of the target images, for every pixel.

    Attributes:
        label: p_T, (B, 1, H, W) int64 train ids; never 255.
        weight: q_T spread over the pixels, (B, 1, H, W) float32 in 0..1; 0 where it is not :func:`trusted`.
        confidence: probability of ``label``, (B, 1, H, W) in 0..1.
    """

    label: Tensor
    weight: Tensor
    confidence: Tensor


def pseudo_label(logits: Tensor, *, threshold: float | None) -> PseudoLabel:
    """The most probable class of every pixel, and one quality for the whole batch.

    The quality is the share of pixels, of all images together, whose confidence reaches ``threshold``. It weighs
    confident and unconfident pixels alike.

    Args:
        logits: the teacher's, (B, classes, H, W).
        threshold: tau, in 0..1; None trusts every pixel fully.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)  # half precision cannot tell 0.968 from its neighbours
    confidence, label = logits.softmax(dim=1, dtype=precision).max(dim=1, keepdim=True)
    sure = torch.ones_like(label) if threshold is None else confidence >= threshold
    quality = sure.to(torch.float32).mean()
    return PseudoLabel(label, quality.expand(confidence.shape).clone(), confidence)


def mean_prediction(logits: Tensor, others: Tensor) -> Tensor:
    """Logits of the mean of two predictions: their softmax is the mean of the softmax of each.

    Args:
        logits: (B, classes, H, W).
        others: the same pixels.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    return torch.logaddexp(logits.log_softmax(1, dtype=precision), others.log_softmax(1, dtype=precision))


def trusted(
    pseudo: PseudoLabel, valid: Tensor | None = None, *, ignore_top: int = 0, ignore_bottom: int = 0
) -> PseudoLabel:
    """``pseudo`` with weight 0 where it says nothing: the only place where that is decided.

    Args:
        pseudo: of whole images.
        valid: (B, 1, H, W) bool, the pixels that count; None = all. It moves with the image through the pipeline (field
            ``valid_pseudo_mask``), so that it is right for any crop.
        ignore_top: rows at the upper edge that do not count: rectification artefacts, not to be trusted.
        ignore_bottom: rows at the lower edge that do not count: there the own car is seen, which has no class.
    """
    if valid is None and not ignore_top + ignore_bottom:
        return pseudo
    weight = pseudo.weight.clone() if valid is None else pseudo.weight * valid
    if ignore_top + ignore_bottom >= weight.shape[2]:
        raise InputError(
            f'pseudo_weight_ignore_top={ignore_top} and pseudo_weight_ignore_bottom={ignore_bottom} leave no row of '
            f'target crops of {weight.shape[2]} rows: no pseudo-label would count.'
        )
    weight[:, :, :ignore_top] = 0
    weight[:, :, max(weight.shape[2] - ignore_bottom, 0) :] = 0
    return pseudo._replace(weight=weight)

"""Cross entropy over the pixels of an image, with weights per class and per pixel."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.config.values import Fraction
from mmseg.errors import InputError
from mmseg.models.losses.base import SegmentationLoss
from mmseg.registry import MODELS

Reduction = Literal['none', 'mean', 'sum']
REDUCTIONS = ('none', 'mean', 'sum')


@MODELS.register_module()
class CrossEntropyLoss(SegmentationLoss):
    """Softmax (or, per class, sigmoid) cross entropy.

    The mean is over all pixels: ignored ones and those of weight 0 add nothing to the sum but count, and class
    weights do not renormalise. So the loss of an image shrinks with the part of it that teaches nothing; with
    ``avg_non_ignore`` ignored pixels do not count either.

    Args:
        use_sigmoid: every class is a yes/no question of its own; ignored pixels are asked none.
        reduction: 'mean' over pixels, 'sum' or 'none'.
        avg_non_ignore: a 'mean' is over the pixels that are not ignored.
        label_smoothing: share of the target that is spread over all classes alike; for the softmax.
        **loss: of :class:`SegmentationLoss`.
    """

    def __init__(
        self,
        *,
        use_sigmoid: bool = False,
        reduction: Reduction = 'mean',
        avg_non_ignore: bool = False,
        label_smoothing: Fraction = 0.0,
        loss_name: str = 'loss_seg',
        **loss,
    ) -> None:
        super().__init__(loss_name=loss_name, **loss)
        if reduction not in REDUCTIONS:
            raise InputError(f'CrossEntropyLoss: reduction must be one of {REDUCTIONS}, got {reduction!r}')
        if use_sigmoid and label_smoothing:
            raise InputError('CrossEntropyLoss: label_smoothing is for the softmax, without use_sigmoid.')
        self.avg_non_ignore, self.label_smoothing = avg_non_ignore, label_smoothing
        self.use_sigmoid = use_sigmoid
        self.reduction = reduction

    def forward(
        self,
        logits: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        *,
        avg_factor: float | None = None,
        reduction_override: Reduction | None = None,
        ignore_index: int = 255,
    ) -> Tensor:
        """Loss of ``logits`` (B, C, ...) for the class ids ``label`` (B, ...).

        Args:
            logits: unnormalised scores.
            label: integer class ids.
            weight: (B, ...) a weight per pixel.
            avg_factor: what a 'mean' divides the sum by, instead of the number of pixels.
            reduction_override: used instead of the configured reduction.
            ignore_index: the class id of pixels without a label.

        Returns:
            0-dimensional, or (B, ...) without reduction; (B, C, ...) for the sigmoid.
        """
        reduction = reduction_override or self.reduction
        if avg_factor is not None and reduction != 'mean':
            raise ValueError(f"avg_factor divides a mean; it has no meaning for reduction='{reduction}'")
        if self.use_sigmoid:
            loss = self.sigmoid_loss(logits, label, ignore_index)
            weight = weight.unsqueeze(1) if weight is not None else None
        else:
            loss = F.cross_entropy(
                logits,
                label,
                weight=self.class_weight,
                reduction='none',
                ignore_index=ignore_index,
                label_smoothing=self.label_smoothing,
            )
        if self.avg_non_ignore and reduction == 'mean' and avg_factor is None:
            known = (label != ignore_index).sum().clamp(min=1) * (loss.numel() // label.numel())
            return self.loss_weight * (loss if weight is None else loss * weight).sum() / known
        if weight is not None:
            loss = loss * weight
        loss = reduce(loss, reduction, avg_factor)
        return loss if self.loss_weight == 1 else self.loss_weight * loss

    def sigmoid_loss(self, logits: Tensor, label: Tensor, ignore_index: int) -> Tensor:
        """Binary cross entropy of each class against the others (B, C, ...), 0 at ignored pixels."""
        over_classes = (-1, *(1,) * (label.ndim - 1))
        classes = torch.arange(logits.shape[1], device=label.device).view(over_classes)
        target = (label.unsqueeze(1) == classes).to(logits.dtype)
        pos_weight = self.class_weight.view(over_classes) if self.class_weight is not None else None
        loss = F.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight, reduction='none')
        return loss * (label != ignore_index).unsqueeze(1)


def reduce(loss: Tensor, reduction: Reduction, avg_factor: float | None = None) -> Tensor:
    """``loss`` itself, its mean (or sum / ``avg_factor``), or its sum."""
    if reduction == 'none':
        return loss
    if reduction == 'sum':
        return loss.sum()
    return loss.mean() if avg_factor is None else loss.sum() / avg_factor

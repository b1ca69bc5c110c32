"""Dice loss (Milletari et al., V-Net, 2016): overlap of every class, whatever its size."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.config.values import Positive
from mmseg.models.losses.base import SegmentationLoss
from mmseg.registry import MODELS


@MODELS.register_module()
class DiceLoss(SegmentationLoss):
    """Mean over images and classes of 1 - (2 sum(w p y) + smooth) / (sum(w p^e) + sum(w y^e) + smooth).

    p is the softmax probability of the class, y 1 where it is labelled, w the weight of the pixel, 0 where ignored. An
    image without a weighted pixel has no loss.

    Args:
        smooth: keeps the quotient of absent classes away from 0 / 0.
        exponent: e.
        reduction: 'mean', the only one.
        **loss: of :class:`SegmentationLoss`.
    """

    def __init__(
        self,
        *,
        smooth: Positive = 1.0,
        exponent: Positive = 2.0,
        reduction: Literal['mean'] = 'mean',
        loss_name: str = 'loss_dice',
        **loss,
    ) -> None:
        super().__init__(loss_name=loss_name, **loss)
        self.smooth, self.exponent = smooth, exponent

    def forward(
        self, logits: Tensor, label: Tensor, weight: Tensor | None = None, *, ignore_index: int = 255
    ) -> Tensor:
        """Loss, 0-dimensional, of ``logits`` (B, C, H, W) for ``label`` (B, H, W) with pixel weights (B, H, W)."""
        probs = logits.float().softmax(1)
        known = (label != ignore_index).to(probs.dtype)
        share = (known if weight is None else known * weight).unsqueeze(1)
        target = one_hot(label, logits.shape[1]).to(probs.dtype)
        over = tuple(range(2, logits.ndim))
        shared = (share * probs * target).sum(over)
        sizes = (share * (probs**self.exponent + target**self.exponent)).sum(over)
        loss = 1 - (2 * shared + self.smooth) / (sizes + self.smooth)  # (B, C)
        if self.class_weight is not None:
            loss = loss * self.class_weight
        return self.loss_weight * loss.mean()


def one_hot(label: Tensor, classes: int) -> Tensor:
    """(B, H, W) ids -> (B, classes, H, W), 1 at the class of a pixel; nowhere for an id that is no class."""
    known = (label >= 0) & (label < classes)
    hot = F.one_hot(torch.where(known, label, 0), classes).movedim(-1, 1)
    return hot * known.unsqueeze(1)

"""Focal loss (Lin et al., 2017): pixels that are well classified count less."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.config.values import Fraction, NotNegative
from mmseg.models.losses.base import SegmentationLoss
from mmseg.models.losses.cross_entropy_loss import Reduction, reduce
from mmseg.models.losses.dice_loss import one_hot
from mmseg.registry import MODELS


@MODELS.register_module()
class FocalLoss(SegmentationLoss):
    """Sigmoid focal loss of every class against the others: alpha_t (1 - p_t)^gamma (-log p_t).

    p_t is the probability of what is right at a pixel: p where the class is labelled, 1 - p elsewhere; alpha_t is
    ``alpha`` there and 1 - ``alpha`` elsewhere. The mean is over all pixels and classes; ignored pixels are 0 in it.

    Args:
        use_sigmoid: there is no other form.
        gamma: how much less.
        alpha: weight of what is labelled; None: none.
        reduction: 'mean', 'sum' or 'none'.
        **loss: of :class:`SegmentationLoss`.
    """

    def __init__(
        self,
        *,
        use_sigmoid: bool = True,
        gamma: NotNegative = 2.0,
        alpha: Fraction | None = 0.5,
        reduction: Reduction = 'mean',
        loss_name: str = 'loss_focal',
        **loss,
    ) -> None:
        super().__init__(loss_name=loss_name, **loss)
        if not use_sigmoid:
            raise ValueError('FocalLoss is of sigmoids: leave use_sigmoid=False out')
        self.gamma, self.alpha, self.reduction = gamma, alpha, reduction

    def forward(
        self, logits: Tensor, label: Tensor, weight: Tensor | None = None, *, ignore_index: int = 255
    ) -> Tensor:
        """Loss of ``logits`` (B, C, H, W) for ``label`` (B, H, W) with pixel weights (B, H, W)."""
        logits = logits.float()
        target = one_hot(label, logits.shape[1]).to(logits.dtype)
        surprise = F.binary_cross_entropy_with_logits(logits, target, reduction='none')  # -log p_t
        loss = surprise * (1 - torch.exp(-surprise)) ** self.gamma
        if self.alpha is not None:
            loss = loss * torch.where(target > 0, self.alpha, 1 - self.alpha)
        if self.class_weight is not None:
            loss = loss * self.class_weight.view(-1, *(1,) * (label.ndim - 1))
        known = (label != ignore_index).to(loss.dtype)
        loss = loss * (known if weight is None else known * weight).unsqueeze(1)
        return self.loss_weight * reduce(loss, self.reduction)

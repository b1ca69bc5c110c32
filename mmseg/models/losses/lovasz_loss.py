"""Lovasz-Softmax (Berman et al., 2018): a convex extension of 1 - IoU."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from mmseg.errors import InputError
from mmseg.models.losses.base import SegmentationLoss
from mmseg.registry import MODELS


@MODELS.register_module()
class LovaszLoss(SegmentationLoss):
    """Mean over classes of the Lovasz extension of the Jaccard loss, of the errors |y - p| of all labelled pixels.

    It is a loss of sets of pixels, so that pixels cannot have weights.

    Args:
        loss_type: 'multi_class', the only one: probabilities are those of a softmax.
        classes: 'present' in the labels, 'all', or a list of ids.
        per_image: mean over images, each by itself, instead of all pixels of the batch together.
        reduction: 'mean' or 'none', which is the same: there is one number, the mean of those of the images.
        **loss: of :class:`SegmentationLoss`.
    """

    takes_pixel_weights = False

    def __init__(
        self,
        *,
        loss_type: Literal['multi_class'] = 'multi_class',
        classes: Literal['present', 'all'] | Sequence[int] = 'present',
        per_image: bool = False,
        reduction: Literal['mean', 'none'] = 'mean',
        loss_name: str = 'loss_lovasz',
        **loss,
    ) -> None:
        super().__init__(loss_name=loss_name, **loss)
        self.classes, self.per_image = classes, per_image

    def unfit_for(self, num_classes: int) -> str:
        if not isinstance(self.classes, str):
            foreign = [train_id for train_id in self.classes if not 0 <= train_id < num_classes]
            if foreign or not self.classes:
                return (
                    f"classes={list(self.classes)} of LovaszLoss has to be 'present', 'all' or a list of ids in "
                    f'0..{num_classes - 1} (num_classes={num_classes}).'
                )
        return super().unfit_for(num_classes)

    def forward(
        self, logits: Tensor, label: Tensor, weight: Tensor | None = None, *, ignore_index: int = 255
    ) -> Tensor:
        """Loss, 0-dimensional, of ``logits`` (B, C, H, W) for ``label`` (B, H, W).

        Raises:
            InputError: pixels have weights.
        """
        if weight is not None:
            raise InputError('LovaszLoss cannot weigh pixels, as adaptation does: it is a loss of sets of pixels.')
        probs = logits.float().softmax(1)
        parts = zip(probs.split(1), label.split(1), strict=True) if self.per_image else [(probs, label)]
        losses = [self._of_pixels(p.movedim(1, -1).flatten(0, -2), y.flatten(), ignore_index) for p, y in parts]
        return self.loss_weight * torch.stack(losses).mean()

    def _of_pixels(self, probs: Tensor, label: Tensor, ignore_index: int) -> Tensor:
        """Of probabilities (N, C) and ids (N,).

        Nothing is read back to the host: an ignored pixel is right without an error, which puts it behind all others
        and adds nothing, and a class that is absent has the weight 0.
        """
        known = (label != ignore_index).to(probs.dtype)
        listed = list(range(probs.shape[1])) if isinstance(self.classes, str) else list(self.classes)
        losses, present = [], []
        for train_id in listed:
            right = (label == train_id) * known
            errors, order = ((right - probs[:, train_id]).abs() * known).sort(descending=True)
            loss = errors @ jaccard_steps(right[order])
            losses.append(loss if self.class_weight is None else loss * self.class_weight[train_id])
            present.append(right.amax())
        if self.classes != 'present':
            return torch.stack(losses).mean()
        there = torch.stack(present)
        return (torch.stack(losses) * there).sum() / there.sum().clamp(min=1)


def jaccard_steps(right: Tensor) -> Tensor:
    """How much the Jaccard loss grows with each further wrong pixel; ``right`` (N,) 0 or 1, largest error first."""
    total = right.sum()
    intersection = total - right.cumsum(0)
    union = total + (1 - right).cumsum(0)
    loss = 1 - intersection / union
    return torch.cat([loss[:1], loss[1:] - loss[:-1]])

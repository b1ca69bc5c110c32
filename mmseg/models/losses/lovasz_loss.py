"""Lovasz-Softmax (Berman et al., 2018): a convex extension of 1 - IoU."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from mmseg.config.values import NotNegative
from mmseg.errors import InputError
from mmseg.registry import MODELS


@MODELS.register_module()
class LovaszLoss(nn.Module):
    """Mean over classes of the Lovasz extension of the Jaccard loss, of the errors |y - p| of all labelled pixels.

    It is a loss of sets of pixels, so that pixels cannot have weights.

    Args:
        loss_type: 'multi_class', the only one: probabilities are those of a softmax.
        classes: 'present' in the labels, 'all', or a list of ids.
        per_image: mean over images, each by itself, instead of all pixels of the batch together.
        reduction: 'mean', the only one.
        class_weight: one weight per class.
        loss_weight: factor of the result.
        loss_name: name in the log; what is to be descended contains 'loss'.
    """

    takes_pixel_weights = False
    class_weight: Tensor | None

    def __init__(
        self,
        *,
        loss_type: Literal['multi_class'] = 'multi_class',
        classes: Literal['present', 'all'] | Sequence[int] = 'present',
        per_image: bool = False,
        reduction: Literal['mean'] = 'mean',
        class_weight: Sequence[NotNegative] | None = None,
        loss_weight: NotNegative = 1.0,
        loss_name: str = 'loss_lovasz',
    ) -> None:
        super().__init__()
        self.classes, self.per_image = classes, per_image
        self.loss_weight, self.loss_name = loss_weight, loss_name
        weight = torch.tensor(class_weight, dtype=torch.float32) if class_weight is not None else None
        self.register_buffer('class_weight', weight, persistent=False)

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
        losses = [self._of_pixels(*labelled(p, y, ignore_index)) for p, y in parts]
        return self.loss_weight * torch.stack(losses).mean()

    def _of_pixels(self, probs: Tensor, label: Tensor) -> Tensor:
        """Of probabilities (N, C) and ids (N,)."""
        listed = range(probs.shape[1]) if isinstance(self.classes, str) else self.classes
        losses = []
        for train_id in listed:
            right = (label == train_id).to(probs.dtype)
            if self.classes == 'present' and not bool(right.any()):
                continue
            errors, order = (right - probs[:, train_id]).abs().sort(descending=True)
            loss = errors @ jaccard_steps(right[order])
            losses.append(loss if self.class_weight is None else loss * self.class_weight[train_id])
        return torch.stack(losses).mean() if losses else probs.sum() * 0


def labelled(probs: Tensor, label: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """(B, C, H, W) and (B, H, W) -> (N, C) and (N,) of the pixels that are not ignored."""
    known = label != ignore_index
    return probs.movedim(1, -1)[known], label[known]


def jaccard_steps(right: Tensor) -> Tensor:
    """How much the Jaccard loss grows with each further wrong pixel; ``right`` (N,) 0 or 1, largest error first."""
    total = right.sum()
    intersection = total - right.cumsum(0)
    union = total + (1 - right).cumsum(0)
    loss = 1 - intersection / union
    return torch.cat([loss[:1], loss[1:] - loss[:-1]])

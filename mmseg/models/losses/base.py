"""What every loss of a segmentation has: weights of the classes, a factor, and a name in the log."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmseg.config.values import NotNegative
from mmseg.errors import InputError


def is_descended(name: str) -> bool:
    """Whether the value that is logged under ``name`` is descended."""
    return 'loss' in name


class SegmentationLoss(nn.Module):
    """Base of losses.

    Args:
        loss_name: name in the log; what is to be descended contains 'loss'.
        class_weight: one weight per class.
        loss_weight: factor of the result.

    Raises:
        InputError: every class has the weight 0.
    """

    class_weight: Tensor | None

    def __init__(
        self, *, loss_name: str, class_weight: Sequence[NotNegative] | None = None, loss_weight: NotNegative = 1.0
    ) -> None:
        super().__init__()
        if class_weight is not None and len(class_weight) and not any(class_weight):
            raise InputError(
                f'{type(self).__name__}: class_weight is 0 for every class, so that nothing would be learnt.'
            )
        self.loss_weight, self.loss_name = loss_weight, loss_name
        # moves with the network, but is a setting and no weight
        weight = torch.tensor(class_weight, dtype=torch.float32) if class_weight is not None else None
        self.register_buffer('class_weight', weight, persistent=False)

    def unfit_for(self, num_classes: int) -> str:
        """Why it cannot judge a head of so many classes, '' if it can."""
        if self.class_weight is None or len(self.class_weight) == num_classes:
            return ''
        return (
            f'class_weight of {type(self).__name__} has {len(self.class_weight)} numbers for {num_classes} '
            'classes (num_classes): it needs one for each, in their order.'
        )

"""Adaptation without the data that the network is from: a checkpoint, and target images without labels."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.self_training import SelfTraining
from mmseg.models.uda.teacher import update_ema
from mmseg.models.uda.uda_decorator import Term
from mmseg.registry import MODELS


@MODELS.register_module()
class SourceFree(SelfTraining):
    """L = q_T * CE(f(A(x_T)), p_T): learn from augmented target images what the teacher says of them as they are.

    Student and teacher start as the network of ``load_from``. The teacher follows with ``alpha`` from the first move
    on: it knows what it has to hand on, where that of other methods starts from nothing and follows fast at first.
    Masked images (:class:`MaskedConsistency`) are a further term.

    Args:
        alpha: as of :class:`MeanTeacher`.
        **self_training: of :class:`SelfTraining`, :class:`MeanTeacher` and :class:`UDADecorator`.
    """

    needs_source = False

    def __init__(self, *, alpha: float = 0.999, **self_training) -> None:
        super().__init__(alpha=alpha, **self_training)

    def update_teacher(self) -> None:
        """In the very first step the teacher becomes the student; from then on it follows slowly."""
        if self.starts_accumulation():
            update_ema(self.teacher_parameters(), self.student_parameters(), self.alpha if self.steps else 0.0)

    def make_batch(self, data: dict[str, Any]) -> Batch:
        """Everything the loss terms learn from.

        Args:
            data: ``target_img`` (B, 3, H, W) normalised, ``target_img_metas``, perhaps ``target_valid_pseudo_mask``.
        """
        target_img = data['target_img']
        pseudo = self.pseudo_label(data)
        batch = Batch(data, None, target_img, pseudo)
        augmented = self.augment(target_img, data['target_img_metas'])
        batch.parts['augmented'] = Labelled(augmented, pseudo.label, pseudo.weight)
        return batch

    def loss_terms(self, batch: Batch) -> Iterator[Term]:
        yield 'trg', self.target_losses(batch)

    def target_losses(self, batch: Batch) -> dict[str, Tensor]:
        return self.segmentation_losses(batch, batch.parts['augmented'])

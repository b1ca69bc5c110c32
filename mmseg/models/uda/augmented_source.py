"""Domain generalisation in its plainest form: labelled images in many colours, and the mean of all students."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.self_training import AugmentingTeacher
from mmseg.models.uda.uda_decorator import Term
from mmseg.registry import MODELS


@MODELS.register_module()
class AugmentedSource(AugmentingTeacher):
    """L = L_S of source images with other colours. Target images are not looked at, and need not be there.

    The teacher teaches nobody: it is the mean of the students so far, with their statistics of batch norms, and what a
    config evaluates with ``evaluation=dict(weights='teacher')``.

    Args:
        **augmenting: of :class:`AugmentingTeacher`, :class:`MeanTeacher` and :class:`UDADecorator`.
    """

    needs_target = False
    target_fields = frozenset()

    def update_teacher(self) -> None:
        super().update_teacher()
        copy_buffers(self.ema_model, self.model)  # it sees no images, so that it has no statistics of its own

    def make_batch(self, data: dict[str, Any]) -> Batch:
        return Batch(data, Labelled(self.augment(data['img'], data['img_metas']), data['gt_semantic_seg']))

    def loss_terms(self, batch: Batch) -> Iterator[Term]:
        yield '', self.source_losses(batch)

    def source_losses(self, batch: Batch) -> dict[str, Tensor]:
        return self.segmentation_losses(batch, batch.source)


@torch.no_grad()
def copy_buffers(to: nn.Module, of: nn.Module) -> None:
    """Give a copy of a network the buffers of the network."""
    for own, other in zip(to.buffers(), of.buffers(), strict=True):
        own.copy_(other)

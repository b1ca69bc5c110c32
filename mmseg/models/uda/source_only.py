"""Training on the labelled domain alone, in the frame of a method: the objective to which further terms are added."""

from collections.abc import Iterator
from typing import Any

from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.uda_decorator import Term, UDADecorator
from mmseg.registry import MODELS


@MODELS.register_module()
class SourceOnly(UDADecorator):
    """L = L_S. Target images are not looked at, and need not be there."""

    needs_target = False
    target_fields = frozenset()

    def make_batch(self, data: dict[str, Any]) -> Batch:
        return Batch(data, Labelled(data['img'], data['gt_semantic_seg']))

    def loss_terms(self, batch: Batch) -> Iterator[Term]:
        yield '', self.segmentation_losses(batch, batch.source)

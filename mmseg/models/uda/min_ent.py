"""MinEnt, the direct half of ADVENT (Vu et al., CVPR 2019, arXiv 1811.12833): certain predictions of the target."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from mmseg.config.values import Finite
from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.uda_decorator import Term, UDADecorator, require
from mmseg.registry import MODELS


def entropy_map(logits: Tensor) -> Tensor:
    """-sum_c p_c log p_c / log C of (B, C, H, W): (B, 1, H, W), 0 where certain, 1 where all classes are alike."""
    log_probability = logits.float().log_softmax(dim=1)
    entropy = -(log_probability.exp() * log_probability).sum(dim=1, keepdim=True)
    return entropy / math.log(logits.shape[1])


@MODELS.register_module()
class MinEnt(UDADecorator):
    """L = L_S + lambda_ent * H(f(x_T)), of the prediction of the main head. It has no teacher and no pseudo-labels.

    Args:
        entropy_weight: lambda_ent, above 0.
        **decorator: of :class:`UDADecorator`.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(self, *, entropy_weight: Finite = 0.001, **decorator) -> None:
        super().__init__(**decorator)
        require(entropy_weight > 0, 'uda.entropy_weight', entropy_weight, 'above 0')
        self.entropy_weight = entropy_weight

    def make_batch(self, data: dict[str, Any]) -> Batch:
        return Batch(data, Labelled(data['img'], data['gt_semantic_seg']), data['target_img'])

    def loss_terms(self, batch: Batch) -> Iterator[Term]:
        yield '', self.segmentation_losses(batch, batch.source)
        yield 'trg', self.entropy_losses(batch)

    def entropy_losses(self, batch: Batch) -> dict[str, Tensor]:
        assert batch.target_img is not None
        ignored = torch.full_like(batch.source.label, self.ignore_index)
        batch.parts['target'] = target = Labelled(batch.target_img, ignored)
        prediction = self.model.prediction(self.student_logits(batch, target))
        return {'loss_entropy': self.entropy_weight * entropy_map(prediction).mean()}

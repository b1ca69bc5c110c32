"""What can be said of predictions without a label: how sure they are."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed
from torch.utils.data import DataLoader

from mmseg.compiled import without_compiling
from mmseg.evaluation.evaluate import parts_of

NAMES = ('target_quality', 'target_confidence', 'target_entropy')
SOURCE_MIOU = 'source_mIoU'
LABEL_FREE = (*NAMES, SOURCE_MIOU)
"""Figures of a run that no label of the target has a part in."""


@torch.no_grad()
def label_free(
    model: Any,
    loader: DataLoader,
    *,
    device: torch.device,
    threshold: float,
    dtype: torch.dtype | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, float] | None:
    """How sure ``model`` is of the images of ``loader``, as means over all pixels that the network sees.

    ``target_quality`` is the share of pixels whose best probability reaches ``threshold`` (what weighs pseudo-labels),
    ``target_confidence`` that probability, ``target_entropy`` the entropy divided by its largest value, the logarithm
    of the number of classes. None of them says that a prediction is right: a network that is sure of one class
    everywhere has the best values.

    Args:
        model: a segmentor or a UDA method (its student); in eval mode meanwhile.
        loader: test batches, in a distributed run those of this process.
        device: where to predict.
        threshold: in 0..1.
        dtype: what the network computes in; None is float32.
        stop: asked after every batch; where it says so, in whatever process, the result is None.

    Returns:
        Values in 0..1 by :data:`NAMES`, the same in all processes.
    """
    sums = torch.zeros(5, dtype=torch.float64, device=device)
    was_training = model.training
    model.eval()
    try:
        for batch in loader:
            for views, metas in parts_of(batch, device):
                sums[:4] += sureness(_logits(model, views[0], metas[0], dtype), threshold)
            if stop():
                sums[4] = 1
                break
    finally:
        model.train(was_training)
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(sums)
    pixels, *totals, stopped = sums.tolist()
    if stopped or not pixels:
        return None
    return {name: total / pixels for name, total in zip(NAMES, totals, strict=True)}


def sureness(logits: Tensor, threshold: float) -> Tensor:
    """(pixels, sure ones, sum of best probabilities, sum of entropies in 0..1) of logits (B, C, h, w), float64 (4,)."""
    probs = logits.float().softmax(1)
    best = probs.amax(1)
    entropy = torch.special.entr(probs).sum(1) / math.log(max(logits.shape[1], 2))
    values = [torch.ones_like(best), (best >= threshold).float(), best, entropy]
    return torch.stack([value.double().sum() for value in values])


def _logits(model: Any, view: Tensor, metas: list[dict], dtype: torch.dtype | None) -> Tensor:
    network = getattr(model, 'model', model)  # a method predicts with its student
    with torch.autocast(view.device.type, dtype, enabled=dtype not in (None, torch.float32)), without_compiling():
        return network.content_logits(view, metas)

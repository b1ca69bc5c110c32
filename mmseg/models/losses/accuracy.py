"""How often the right class is among the k highest logits."""

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def accuracy(logits: Tensor, label: Tensor, *, topk: Sequence[int] = (1,)) -> list[Tensor]:
    """Percentage of all pixels, ignored ones included, whose label is among the k highest logits, for each k.

    Args:
        logits: (B, C, ...).
        label: (B, ...), class ids; an id outside 0..C-1 is never hit.
        topk: numbers of highest logits to look at.

    Returns:
        0-dimensional tensors in 0..100, one for each k.
    """
    if max(topk) == 1:
        return [(logits.argmax(dim=1) == label).float().mean() * 100.0] * len(topk)
    hits = logits.topk(max(topk), dim=1).indices == label.unsqueeze(1)
    return [hits[:, :k].any(dim=1).float().mean() * 100.0 for k in topk]

"""Online hard example mining: only pixels of which the network is not sure teach."""

import torch
from torch import Tensor, nn

from mmseg.config.values import Count, Fraction
from mmseg.registry import MODELS


@MODELS.register_module()
class OHEMPixelSampler(nn.Module):
    """Weight 1 for hard pixels, 0 for the others and the ignored ones.

    Args:
        thresh: hard is a pixel whose own class has a lower probability than this; None: those of largest cross entropy.
        min_kept: at least so many pixels an image, on the mean of the batch, are kept.
    """

    def __init__(self, *, thresh: Fraction | None = None, min_kept: Count = 100_000) -> None:
        super().__init__()
        self.thresh, self.min_kept = thresh, min_kept

    @torch.no_grad()
    def forward(self, logits: Tensor, label: Tensor, *, ignore_index: int) -> Tensor:
        """Weights (B, H, W) of the pixels of ``label`` (B, H, W), from ``logits`` (B, C, H, W)."""
        known = label != ignore_index
        probs = logits.float().softmax(1).gather(1, torch.where(known, label, 0).unsqueeze(1)).squeeze(1)
        own = probs[known]
        if not own.numel():
            return torch.zeros_like(probs)
        kept = min(self.min_kept * len(label), own.numel())
        least = own.sort().values[kept - 1]  # of the unsurest ones, so that at least these are kept
        limit = least if self.thresh is None else least.clamp(min=self.thresh)
        hard = probs <= least if self.thresh is None else (probs < limit) | (probs <= least)
        return (known & hard).to(probs.dtype)

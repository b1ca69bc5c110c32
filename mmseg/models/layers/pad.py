"""Margins around maps."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def pad(x: Tensor, margins: Sequence[int]) -> Tensor:
    """``F.pad`` with zeros, which copies ``x`` also where all ``margins`` are 0: there it is ``x`` itself here."""
    return F.pad(x, tuple(margins)) if any(margins) else x

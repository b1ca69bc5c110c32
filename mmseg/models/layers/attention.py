"""Attention with a single head."""

from torch import Tensor
from torch.nn import functional as F


def single_head(query: Tensor, key: Tensor, value: Tensor, *, scale: float | None = None) -> Tensor:
    """Scaled dot-product attention of (B, N, C), (B, M, C), (B, M, V) -> (B, N, V).

    torch's fused kernels take four dimensions only; without the one for heads it would hold all N x M scores.
    """
    q, k, v = (x.unsqueeze(1) for x in (query, key, value))
    return F.scaled_dot_product_attention(q, k, v, scale=scale).squeeze(1)

"""What a network computes in when it predicts."""

import torch

PRECISIONS = {'fp32': None, 'bf16': torch.bfloat16, 'fp16': torch.float16}


def autocast_type(name: str) -> torch.dtype | None:
    """The type of autocast for 'fp32' (none), 'bf16' or 'fp16'."""
    return PRECISIONS[name]

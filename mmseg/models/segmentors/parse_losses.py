"""From the named losses of a model to the one that is descended."""

from collections.abc import Mapping

import torch
from torch import Tensor


def parse_losses(losses: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of all entries whose name contains 'loss', and every entry detached, for the log.

    Entries that are not 0-dimensional count with their mean. Nothing is moved to the host.
    """
    means = {name: value.mean() if value.dim() else value for name, value in losses.items()}
    total = torch.stack([value for name, value in means.items() if 'loss' in name]).sum()
    return total, {name: value.detach() for name, value in means.items()}

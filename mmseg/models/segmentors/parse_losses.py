"""From the named losses of a model to the one that is descended."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmseg.errors import InputError
from mmseg.models.losses.base import is_descended


def parse_losses(losses: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of all entries whose name contains 'loss', and every entry detached, for the log.

    Entries that are not 0-dimensional count with their mean. Nothing is moved to the host.

    Raises:
        InputError: there is none.
    """
    means = {name: value.mean() if value.dim() else value for name, value in losses.items()}
    descended = [value for name, value in means.items() if is_descended(name)]
    if not descended:
        raise InputError(f"None of {list(losses)} has 'loss' in its name, so that there is nothing to descend.")
    total = torch.stack(descended).sum()
    return total, {name: value.detach() for name, value in means.items()}

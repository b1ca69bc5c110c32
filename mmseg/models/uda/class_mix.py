"""ClassMix: paste half of the source's classes onto the target (Olsson et al., 2021, as used by DACS).

Everything stays on the device of the labels and never waits for it: which classes are present is a table, and the
choice among them is the order of random numbers of all classes.
"""

import torch
from torch import Tensor

from mmseg.errors import InputError, nearest

#: whose classes are drawn from: the reference takes those of the whole batch for every image
MIX_SCOPES = ('batch', 'image')
#: labels of up to 255 classes: the train ids, and 255 for ignored
NUM_LABELS = 256


def check_scope(scope: str) -> str:
    """``scope`` itself.

    Raises:
        InputError: it is none of :data:`MIX_SCOPES`.
    """
    if scope not in MIX_SCOPES:
        raise InputError(f'uda.mix_scope is {scope!r}: use one of {MIX_SCOPES}.{nearest(str(scope), MIX_SCOPES)}')
    return scope


def present_classes(label: Tensor, *, labels: int = NUM_LABELS) -> Tensor:
    """(B, 1, H, W) labels below ``labels`` -> (B, labels) bool table: image b shows label c. Ignored is one of them."""
    table = torch.zeros(label.shape[0], labels, dtype=torch.bool, device=label.device)
    return table.scatter_(1, label.flatten(1), True)


def draw_classes(
    label: Tensor, *, scope: str = 'batch', generator: torch.Generator | None = None, labels: int = NUM_LABELS
) -> Tensor:
    """Draw, for each image, half of the n present classes (ceil(n/2)) without replacement.

    Args:
        label: (B, 1, H, W) int64 source labels.
        scope: 'batch': n counts the classes of the whole batch, so that an image may get classes it does not
            show (the reference's way); 'image': each image chooses among its own.
        generator: of the CPU; None is the global one.
        labels: all labels are below this number.

    Returns:
        (B, labels) bool table of the chosen classes.
    """
    present = present_classes(label, labels=labels)
    if check_scope(scope) == 'batch':
        present = present.any(dim=0, keepdim=True).expand_as(present)
    order = torch.rand(present.shape, generator=generator).argsort(dim=1, descending=True)  # of all, on the host
    order, place = torch.stack([order, order.argsort(dim=1)]).to(label.device, non_blocking=True)
    met = present.gather(1, order).cumsum(dim=1)  # how many present classes there are so far in this order
    rank = met.gather(1, place)  # of a present class, from 1
    return present & (torch.sub(met[:, -1:], rank, alpha=2) >= -1)  # rank <= (n + 1) / 2


def class_mask(label: Tensor, chosen: Tensor) -> Tensor:
    """M: (B, 1, H, W) bool, True where the pixel's class is chosen in the (B, labels) table of its image."""
    return chosen.gather(1, label.flatten(1)).view(label.shape)


def paste(mask: Tensor, *, source: Tensor, target: Tensor) -> Tensor:
    """M * source + (1 - M) * target, for images and maps (B, C, H, W) and a mask (B, 1, H, W)."""
    return torch.where(mask, source, target)

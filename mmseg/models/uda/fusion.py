"""When the encoder may see source and mixed images in one batch, and when that pays."""

from collections.abc import Iterator

import torch
from torch import nn

from mmseg.errors import InputError
from mmseg.models.segmentors.base import BaseSegmentor

#: Memory of a GPU, in bytes, from which on two graphs at once are no risk: the final config (MiT-B5, 512x512, batch 2)
#: shall fit in 9.7 GB with one graph in fp32.
ENOUGH_MEMORY = 24e9


def fusion_pays(segmentor: BaseSegmentor) -> bool:
    """What ``fuse_forward='auto'`` means for this network, where it is now.

    On a GPU with enough memory it saves thousands of launches a step. On a CPU, which launches nothing, the larger
    batch only falls out of the caches.
    """
    device = next(segmentor.parameters()).device
    if device.type != 'cuda' or segmentor.draws_views or next(batch_norms(segmentor), None) is not None:
        return False
    return torch.cuda.get_device_properties(device).total_memory >= ENOUGH_MEMORY


def batch_norms(segmentor: BaseSegmentor) -> Iterator[tuple[str, nn.Module]]:
    """(name, layer) of every normalisation over the batch in backbone and neck; heads are never fused."""
    for part in ('backbone', 'neck'):
        for name, module in (getattr(segmentor, part, None) or nn.Identity()).named_modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                yield f'{part}.{name}', module


def refuse_fusion(segmentor: BaseSegmentor) -> None:
    """Refuse to fuse batches where the encoder would notice.

    Raises:
        InputError: the segmentor draws what it looks at for each pass, or backbone or neck normalise over the batch.
    """
    if segmentor.draws_views:
        raise InputError(
            f'uda.fuse_forward is True, but {type(segmentor).__name__} draws for each pass what it looks at: source '
            'and mixed images would share it. Set uda.fuse_forward=False.'
        )
    for name, module in batch_norms(segmentor):
        raise InputError(
            f'uda.fuse_forward is True, but {name} ({type(module).__name__}) normalises over the batch: '
            'source and mixed images would share statistics. Set uda.fuse_forward=False.'
        )

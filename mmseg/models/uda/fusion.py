"""When the encoder may see source and mixed images in one batch, and when that pays."""

from collections.abc import Iterator, Sequence

import torch
from mmengine.logging import print_log
from torch import nn

from mmseg.errors import InputError
from mmseg.models.graph_memory import graph_bytes
from mmseg.models.segmentors.base import BaseSegmentor

#: what a device needs on top of what is counted: workspaces of kernels, and memory in pieces too small to use
SPARE = 1.25


def fusion_pays(segmentor: BaseSegmentor, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> bool:
    """What ``fuse_forward='auto'`` means for this network, where it is now, before its first step.

    On a GPU it saves thousands of launches a step, where the graphs of source and mixed images fit into what is free
    of its memory together. On a CPU, which launches nothing, the larger batch only falls out of the caches.

    Args:
        segmentor: the student.
        shape: of the source images, (B, 3, H, W).
        dtype: what it computes in.
    """
    device = next(segmentor.parameters()).device
    if device.type != 'cuda' or segmentor.draws_views or next(batch_norms(segmentor), None) is not None:
        return False
    weights = sum(parameter.nbytes for parameter in segmentor.parameters() if parameter.requires_grad)
    needed = SPARE * (2 * graph_bytes(segmentor, shape, dtype) + 3 * weights)  # gradients, both moments of AdamW
    free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    print_log(
        f"uda.fuse_forward='auto': source and mixed images together need {needed / 2**30:.1f} GB besides the weights, "
        f'{free / 2**30:.1f} GB are free; they go through the encoder {"together" if needed <= free else "apart"}.',
        'current',
    )
    return needed <= free


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

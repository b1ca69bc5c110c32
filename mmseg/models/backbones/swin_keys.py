"""Where the weights of a Swin Transformer are found in files of other projects."""

import re

import torch
from torch import Tensor

#: Swin's own files -> our names
OFFICIAL = (
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^layers\.', 'stages.'),
    (r'\.attn\.(?!w_msa)', '.attn.w_msa.'),
    (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
)


def to_swin(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """``state`` in our names and order, whoever wrote it.

    Known: ours (OpenMMLab's), Swin's own, timm's. The norm behind the last stage, which those two call ``norm``,
    becomes ``norm3``.
    """
    if not any(key.startswith('layers.') for key in state):
        return dict(state)
    # timm counts the merging to the stage behind it
    behind = 'layers.0.downsample.reduction.weight' not in state
    converted = {}
    for old, value in state.items():
        key = re.sub(r'^norm\.', 'norm3.', old)
        if behind and '.downsample.' in key:
            key = re.sub(r'^layers\.(\d)', lambda found: f'layers.{int(found[1]) - 1}', key)
        for pattern, replacement in OFFICIAL:
            key = re.sub(pattern, replacement, key)
        converted[key] = _to_our_order(key, value)
    return converted


def _to_our_order(key: str, value: Tensor) -> Tensor:
    if '.downsample.' in key:
        return _interleave(value)
    if key == 'absolute_pos_embed' and value.ndim == 3:  # tokens (1, N, C) instead of a map (1, C, h, w)
        side = round(value.shape[1] ** 0.5)
        return value.transpose(1, 2).unflatten(2, (side, side))
    return value


def _interleave(value: Tensor) -> Tensor:
    """Four blocks of C along the last axis, of the neighbours (0, 0), (1, 0), (0, 1), (1, 1) as (row, column)
    -> C blocks of four, of the neighbours (0, 0), (0, 1), (1, 0), (1, 1).
    """
    blocks = value.unflatten(-1, (4, -1))[..., torch.tensor([0, 2, 1, 3], device=value.device), :]
    return blocks.transpose(-1, -2).flatten(-2)

"""Where the weights of plain vision Transformers are found in files of other projects."""

import re

from torch import Tensor

#: BEiT's, MAE's, timm's and DeiT's own names -> ours
SHARED = (
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^blocks\.', 'layers.'),
    (r'^(layers\.\d+\.)norm([12])\.', r'\1ln\2.'),
    (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
)
#: and of an attention that is PyTorch's own
PACKED = (
    (r'\.attn\.qkv\.(weight|bias)$', r'.attn.attn.in_proj_\1'),
    (r'\.attn\.proj\.', '.attn.attn.out_proj.'),
)
SHARED_TABLE = 'rel_pos_bias.relative_position_bias_table'


def to_beit(state: dict[str, Tensor], *, num_layers: int) -> dict[str, Tensor]:
    """``state`` of a BEiT or an MAE in our names, whoever wrote it: OpenMMLab's, BEiT's and MAE's own.

    A BEiT without fine-tuning has one table of relative positions for all layers; each gets a copy.
    """
    converted = {rename(key, SHARED): value for key, value in state.items()}
    table = converted.pop(SHARED_TABLE, None)
    if table is not None:
        for i in range(num_layers):
            converted[f'layers.{i}.attn.relative_position_bias_table'] = table
    return converted


def to_vit(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """``state`` of a plain vision Transformer in our names, whoever wrote it: OpenMMLab's, timm's, DeiT's own."""
    foreign = any(key.startswith('blocks.') for key in state)
    rules = ((r'^norm\.', 'ln1.'), *SHARED, *PACKED) if foreign else ()
    return {rename(key, rules): value for key, value in state.items()}


def rename(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    """``key`` after all (pattern, replacement) ``rules``, in their order."""
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key

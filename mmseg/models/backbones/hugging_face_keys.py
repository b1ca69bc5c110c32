"""Names of Hugging Face's transformers: vision networks of DINOv2, DINOv3 and SigLIP in those of their authors."""

import re

import torch
from torch import Tensor

from mmseg.models.weights import State

#: what a network is called inside of a larger one
PREFIXES = ('dinov2_with_registers.', 'dinov2.', 'dinov3_vit.', 'dinov3_convnext.', 'backbone.', 'model.')
#: of SigLIP, what the names of the tower of images begin with
TOWER = 'vision_model.'
Rules = tuple[tuple[str, str], ...]

DINO_V2: Rules = (
    (r'embeddings\.patch_embeddings\.projection\.', 'patch_embed.proj.'),
    (r'embeddings\.position_embeddings', 'pos_embed'),
    (r'embeddings\.', ''),
    (r'encoder\.layer\.', 'blocks.'),
    (r'attention\.attention\.', 'attn.'),
    (r'attention\.(?:output\.dense|o_proj)\.', 'attn.proj.'),
    (r'attention\.([qkv])_proj\.', r'attn.\1.'),
    (r'layer_scale(\d)\.lambda1', r'ls\1.gamma'),
    (r'mlp\.weights_in\.', 'mlp.w12.'),
    (r'mlp\.weights_out\.', 'mlp.w3.'),
    (r'^layernorm\.', 'norm.'),
)
DINO_V3: Rules = (
    (r'embeddings\.patch_embeddings\.', 'patch_embed.proj.'),
    (r'embeddings\.register_tokens', 'storage_tokens'),
    (r'embeddings\.', ''),
    (r'^(?:model\.)?layer\.', 'blocks.'),  # of a network itself, since version 5, 'model.layer.'
    (r'attention\.o_proj\.', 'attn.proj.'),
    (r'attention\.([qkv])_proj\.', r'attn.\1.'),
    (r'layer_scale(\d)\.lambda1', r'ls\1.gamma'),
)
DINO_V3_GATED: Rules = (
    (r'mlp\.gate_proj\.', 'mlp.w1.'),
    (r'mlp\.up_proj\.', 'mlp.w2.'),
    (r'mlp\.down_proj\.', 'mlp.w3.'),
)
DINO_V3_PLAIN: Rules = ((r'mlp\.up_proj\.', 'mlp.fc1.'), (r'mlp\.down_proj\.', 'mlp.fc2.'))
DINO_V3_CONVNEXT: Rules = (
    (r'^model\.stages\.', 'stages.'),
    (r'stages\.(\d+)\.downsample_layers\.', r'downsample_layers.\1.'),
    (r'stages\.(\d+)\.layers\.', r'stages.\1.'),
    (r'depthwise_conv\.', 'dwconv.'),
    (r'pointwise_conv(\d)\.', r'pwconv\1.'),
    (r'^layer_norm\.', 'norm.'),
    (r'layer_norm\.', 'norm.'),
)
SIGLIP: Rules = (
    (r'embeddings\.patch_embedding\.', 'patch_embed.proj.'),
    (r'embeddings\.position_embedding\.weight', 'pos_embed'),
    (r'encoder\.layers\.', 'blocks.'),
    (r'self_attn\.([qkv])_proj\.', r'attn.\1.'),
    (r'self_attn\.out_proj\.', 'attn.proj.'),
    (r'layer_norm(\d)\.', r'norm\1.'),
    (r'post_layernorm\.', 'norm.'),
)


def from_hugging_face(state: State) -> State:
    """``state`` in the layout of the network's authors if it is one of transformers; else as it is."""
    for prefix in PREFIXES:
        if state and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    if 'embeddings.patch_embeddings.projection.weight' in state:
        return _fused(_renamed(state, DINO_V2))
    if 'embeddings.patch_embeddings.weight' in state:
        gated = any('.gate_proj.' in key for key in state)
        return _fused(_renamed(state, DINO_V3 + (DINO_V3_GATED if gated else DINO_V3_PLAIN)))
    if any(key.endswith('stages.0.layers.0.depthwise_conv.weight') for key in state):
        return _renamed(state, DINO_V3_CONVNEXT)
    if any(key.endswith('encoder.layers.0.self_attn.q_proj.weight') for key in state):
        return _of_siglip(state)
    return state


def _of_siglip(state: State) -> State:
    """The vision tower without its pooling, which is no part of an encoder."""
    whole = any(key.startswith(TOWER) for key in state)  # a file of both towers, or that of the images alone
    tower = {key.removeprefix(TOWER): value for key, value in state.items() if key.startswith(TOWER if whole else '')}
    fused = _fused(_renamed({key: value for key, value in tower.items() if not key.startswith('head.')}, SIGLIP))
    if fused['pos_embed'].ndim == 2:
        fused['pos_embed'] = fused['pos_embed'].unsqueeze(0)
    return fused


def _renamed(state: State, rules: Rules) -> State:
    def name(key: str) -> str:
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        return key

    return {name(key): value for key, value in state.items()}


def _fused(state: State) -> State:
    """Queries, keys and values as one layer ``attn.qkv``; a bias that one of them lacks is 0."""
    pattern = re.compile(r'(.*\.attn\.)(q|k|v|query|key|value)\.(weight|bias)')
    parts: dict[tuple[str, str], dict[str, Tensor]] = {}
    rest: State = {}
    for key, value in state.items():
        found = pattern.fullmatch(key)
        if found is None:
            rest[key] = value
        else:
            parts.setdefault((found[1], found[3]), {})[found[2][0]] = value
    return rest | {f'{path}qkv.{leaf}': _joined(given) for (path, leaf), given in parts.items()}


def _joined(given: dict[str, Tensor]) -> Tensor:
    nothing = torch.zeros_like(next(iter(given.values())))
    return torch.cat([given.get(part, nothing) for part in 'qkv'])

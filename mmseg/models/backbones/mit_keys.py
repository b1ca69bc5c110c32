"""Where the weights of a Mix Transformer are found in files of other projects."""

import re

import torch
from torch import Tensor

#: HuggingFace transformers (``SegformerModel`` and its wrappers) -> our names; stages count from 0 there
HUGGING_FACE = (
    (r'^(?:segformer\.)?encoder\.', ''),
    (r'^patch_embeddings\.(\d)\.proj\.', r'patch_embed<\1>.proj.'),
    (r'^patch_embeddings\.(\d)\.layer_norm\.', r'patch_embed<\1>.norm.'),
    (r'^block\.(\d)\.', r'block<\1>.'),
    (r'^layer_norm\.(\d)\.', r'norm<\1>.'),
    (r'\.layer_norm_([12])\.', r'.norm\1.'),
    (r'\.attention\.self\.query\.', '.attn.q.'),
    (r'\.attention\.self\.(key|value)\.', r'.attn.\1.'),
    (r'\.attention\.self\.sr\.', '.attn.sr.'),
    (r'\.attention\.self\.layer_norm\.', '.attn.norm.'),
    (r'\.attention\.output\.dense\.', '.attn.proj.'),
    (r'\.mlp\.dense([12])\.', r'.mlp.fc\1.'),
    (r'^classifier\.', 'head.'),
)
#: OpenMMLab (``MixVisionTransformer`` of mmsegmentation) -> our names; a stage is (embedding, blocks, norm)
OPENMMLAB = (
    (r'^layers\.(\d)\.0\.projection\.', r'patch_embed<\1>.proj.'),
    (r'^layers\.(\d)\.0\.norm\.', r'patch_embed<\1>.norm.'),
    (r'^layers\.(\d)\.1\.(\d+)\.', r'block<\1>.\2.'),
    (r'^layers\.(\d)\.2\.', r'norm<\1>.'),
    (r'\.attn\.attn\.in_proj_(weight|bias)$', r'.attn.qkv.\1'),
    (r'\.attn\.attn\.out_proj\.', '.attn.proj.'),
    (r'\.ffn\.layers\.0\.', '.mlp.fc1.'),
    (r'\.ffn\.layers\.1\.', '.mlp.dwconv.dwconv.'),
    (r'\.ffn\.layers\.4\.', '.mlp.fc2.'),
)


def to_mit(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """``state`` in the names of SegFormer's own files, which are ours, whoever wrote it.

    Known: SegFormer's files (returned as they are), OpenMMLab's, HuggingFace's.
    """
    if any(key.startswith('layers.0.0.projection') for key in state):
        return _openmmlab(state)
    if any('patch_embeddings.0.proj' in key for key in state):
        return _hugging_face(state)
    return state


def _rename(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return re.sub(r'<(\d)>', lambda stage: str(int(stage[1]) + 1), key)


def _openmmlab(state: dict[str, Tensor]) -> dict[str, Tensor]:
    converted = {}
    for old, value in state.items():
        key = _rename(old, OPENMMLAB)
        if '.attn.qkv.' in key:  # one projection for queries, keys and values
            channels = len(value) // 3
            converted[key.replace('.qkv.', '.q.')] = value[:channels]
            converted[key.replace('.qkv.', '.kv.')] = value[channels:]
        else:  # 1x1 convolutions where we have linear layers
            linear = re.search(r'\.mlp\.fc[12]\.weight$', key)
            converted[key] = value.flatten(1) if linear else value
    return converted


def _hugging_face(state: dict[str, Tensor]) -> dict[str, Tensor]:
    converted = {_rename(key, HUGGING_FACE): value for key, value in state.items()}
    for key in [key for key in converted if '.attn.key.' in key]:
        parts = converted.pop(key), converted.pop(key.replace('.key.', '.value.'))
        converted[key.replace('.key.', '.kv.')] = torch.cat(parts)
    # a semantic segmentation model's decoder is not the encoder's business
    return {key: value for key, value in converted.items() if not key.startswith('decode_head.')}

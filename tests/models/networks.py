"""Small networks, and those of the reference values, for the tests of this folder."""

from typing import Any

import pytest
import torch
from torch import nn

from mmseg.registry import MODELS


def without_style(cfg: Any) -> Any:
    """A config of the reference without the key that its encoders accept and ignore."""
    if isinstance(cfg, dict):
        return {key: without_style(value) for key, value in cfg.items() if key != 'style'}
    return [without_style(value) for value in cfg] if isinstance(cfg, list) else cfg


def skip_unless_timm_has(name: str) -> None:
    """Older versions of timm lack some networks."""
    import timm  # takes seconds, and few tests need it

    if not timm.is_model(name.partition('.')[0]):
        pytest.skip(f'timm {timm.__version__} has no {name}')


def build(cfg: dict) -> nn.Module:
    return MODELS.build(without_style(cfg))


def build_on_meta(cfg: dict) -> nn.Module:
    with torch.device('meta'):
        return build(cfg)


ASPP = {
    'type': 'aspp',
    'sep': True,
    'dilations': (1, 6, 12, 18),
    'pool': False,
    'act_cfg': {'type': 'ReLU'},
    'norm_cfg': {'type': 'BN', 'requires_grad': True},
}


def tiny_backbone(**overrides) -> dict:
    """A Mix Transformer of 4 blocks, cut by overrides only."""
    cfg = {'type': 'mit_b0', 'embed_dims': (8, 16, 40, 64), 'depths': (1, 1, 1, 1), 'drop_path_rate': 0.0}
    return {**cfg, **overrides}


def daformer_head(**overrides) -> dict:
    cfg = {
        'type': 'DAFormerHead',
        'in_channels': [8, 16, 40, 64],
        'in_index': [0, 1, 2, 3],
        'channels': 16,
        'num_classes': 5,
        'dropout_ratio': 0.0,
        'norm_cfg': {'type': 'BN', 'requires_grad': True},
        'decoder_params': {'embed_dims': 16, 'embed_cfg': {'type': 'mlp'}, 'fusion_cfg': ASPP},
    }
    return {**cfg, **overrides}


def tiny_segmentor(**overrides) -> dict:
    cfg = {'type': 'EncoderDecoder', 'backbone': tiny_backbone(), 'decode_head': daformer_head()}
    return {**cfg, **overrides}

"""The building blocks that networks share; imported by name, never from a config."""

from mmseg.models.layers.activation import build_activation
from mmseg.models.layers.aspp import ASPP
from mmseg.models.layers.conv import Conv2d
from mmseg.models.layers.conv_module import ConvModule, DepthwiseSeparableConvModule
from mmseg.models.layers.drop import DropPath, drop_path_rates
from mmseg.models.layers.fusion import build_layer
from mmseg.models.layers.init import init_from_cfg, init_vision_transformer
from mmseg.models.layers.isa import ISALayer
from mmseg.models.layers.linear import Linear, linear_map
from mmseg.models.layers.linear_embedding import LinearEmbedding
from mmseg.models.layers.norm import build_norm
from mmseg.models.layers.resize import resize

__all__ = [
    'ASPP',
    'Conv2d',
    'ConvModule',
    'DepthwiseSeparableConvModule',
    'DropPath',
    'ISALayer',
    'Linear',
    'LinearEmbedding',
    'build_activation',
    'build_layer',
    'build_norm',
    'drop_path_rates',
    'init_from_cfg',
    'init_vision_transformer',
    'linear_map',
    'resize',
]

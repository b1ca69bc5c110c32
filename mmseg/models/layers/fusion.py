"""Layers that embed or fuse features, by their config: the variants that DAFormer compares (table 6 of the paper)."""

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from mmseg.errors import InputError, nearest
from mmseg.models.layers.aspp import ASPP
from mmseg.models.layers.conv_module import RELU, ConvModule, DepthwiseSeparableConvModule
from mmseg.models.layers.isa import ISALayer
from mmseg.models.layers.linear_embedding import LinearEmbedding
from mmseg.registry import accepted_arguments


def build_layer(cfg: Mapping, in_channels: int, channels: int, *, align_corners: bool = False) -> nn.Module:
    """``dict(type=..., **settings)`` -> a layer from ``in_channels`` to ``channels`` at the same resolution.

    Types: ``id``, ``mlp`` (linear, ignores norm and activation), ``conv``, ``sep_conv``, ``aspp``,
    ``rawconv_and_aspp`` (a bare convolution in front of an ASPP) and ``isa`` (self-attention). The functions below
    list the settings of each.

    Raises:
        InputError: an unknown type or setting; the message names the nearest valid one.
    """
    settings = dict(cfg)
    kind = settings.pop('type', None)
    if kind not in LAYERS:
        raise InputError(f'{kind!r} is not a known layer.{nearest(str(kind), LAYERS)} Known: {", ".join(LAYERS)}.')
    known = (accepted_arguments(LAYERS[kind]) or set()) - {'in_channels', 'channels', 'align_corners'}
    for key in settings.keys() - known:
        raise InputError(f'A layer of type {kind!r} has no setting {key!r}.{nearest(key, known)}')
    return LAYERS[kind](in_channels, channels, align_corners=align_corners, **settings)


def _identity(in_channels: int, channels: int, *, align_corners: bool) -> nn.Module:
    if in_channels != channels:
        raise InputError(f"A layer of type 'id' keeps its {in_channels} channels, but {channels} are asked for.")
    return nn.Identity()


def _mlp(
    in_channels: int,
    channels: int,
    *,
    align_corners: bool,
    norm_cfg: dict | None = None,
    act_cfg: dict | None = None,
) -> nn.Module:
    return LinearEmbedding(in_channels, channels)


def _conv(
    in_channels: int,
    channels: int,
    *,
    align_corners: bool,
    kernel_size: int,
    norm_cfg: dict | None = None,
    act_cfg: dict | None = RELU,
) -> nn.Module:
    return ConvModule(in_channels, channels, kernel_size, padding=kernel_size // 2, norm_cfg=norm_cfg, act_cfg=act_cfg)


def _sep_conv(
    in_channels: int,
    channels: int,
    *,
    align_corners: bool,
    kernel_size: int,
    norm_cfg: dict | None = None,
    act_cfg: dict | None = RELU,
) -> nn.Module:
    return DepthwiseSeparableConvModule(
        in_channels, channels, kernel_size, padding=kernel_size // 2, norm_cfg=norm_cfg, act_cfg=act_cfg
    )


def _aspp(
    in_channels: int,
    channels: int,
    *,
    align_corners: bool,
    sep: bool = False,
    dilations: Sequence[int] = (1, 6, 12, 18),
    pool: bool = False,
    context_cfg: Mapping | None = None,
    norm_cfg: dict | None = None,
    act_cfg: dict | None = RELU,
) -> nn.Module:
    context = None
    if context_cfg is not None:
        context = build_layer(context_cfg, in_channels, channels, align_corners=align_corners)
    return ASPP(
        in_channels=in_channels,
        channels=channels,
        sep=sep,
        dilations=dilations,
        pool=pool,
        context_layer=context,
        norm_cfg=norm_cfg,
        act_cfg=act_cfg,
        align_corners=align_corners,
    )


def _rawconv_and_aspp(
    in_channels: int,
    channels: int,
    *,
    align_corners: bool,
    kernel_size: int,
    sep: bool = False,
    dilations: Sequence[int] = (1, 6, 12, 18),
    pool: bool = False,
    context_cfg: Mapping | None = None,
    norm_cfg: dict | None = None,
    act_cfg: dict | None = RELU,
) -> nn.Module:
    aspp = _aspp(
        channels,
        channels,
        align_corners=align_corners,
        sep=sep,
        dilations=dilations,
        pool=pool,
        context_cfg=context_cfg,
        norm_cfg=norm_cfg,
        act_cfg=act_cfg,
    )
    return nn.Sequential(nn.Conv2d(in_channels, channels, kernel_size, padding=kernel_size // 2), aspp)


def _isa(
    in_channels: int,
    channels: int,
    *,
    align_corners: bool,
    isa_channels: int,
    key_query_num_convs: int = 1,
    down_factor: tuple[int, int] = (8, 8),
    norm_cfg: dict | None = None,
    act_cfg: dict | None = RELU,
) -> nn.Module:
    return ISALayer(
        in_channels=in_channels,
        channels=channels,
        isa_channels=isa_channels,
        key_query_num_convs=key_query_num_convs,
        down_factor=down_factor,
        norm_cfg=norm_cfg,
        act_cfg=act_cfg,
    )


LAYERS: dict[str, Callable[..., nn.Module]] = {
    'id': _identity,
    'mlp': _mlp,
    'conv': _conv,
    'sep_conv': _sep_conv,
    'aspp': _aspp,
    'rawconv_and_aspp': _rawconv_and_aspp,
    'isa': _isa,
}

"""A feature pyramid from maps that all have the same size, as plain vision Transformers give them."""

from collections.abc import Sequence

from torch import Tensor, nn

from mmseg.config.values import Count, Positive
from mmseg.errors import InputError
from mmseg.models.layers import build_norm
from mmseg.registry import MODELS

BN = {'type': 'BN', 'requires_grad': True}


@MODELS.register_module()
class Feature2Pyramid(nn.Module):
    """Enlarge the maps of early blocks with transposed convolutions, and pool those of late ones (Bao et al., 'BEiT').

    Args:
        embed_dim: channels of every map.
        rescales: factor of each map: 4, 2, 1, 0.5 or 0.25; each at most once.
        norm_cfg: normalisation inside the enlargement by 4.
    """

    def __init__(self, *, embed_dim: Count, rescales: Sequence[Positive] = (4, 2, 1, 0.5), norm_cfg: dict = BN) -> None:
        super().__init__()
        self.rescales = tuple(rescales)
        known = {4: 'upsample_4x', 2: 'upsample_2x', 1: 'identity', 0.5: 'downsample_2x', 0.25: 'downsample_4x'}
        if not set(rescales) <= known.keys() or len(set(rescales)) != len(rescales):
            raise InputError(f'Feature2Pyramid: rescales must be different ones of {tuple(known)}, got {rescales}')
        self.names = [known[scale] for scale in rescales]
        for name in self.names:
            self.add_module(name, _rescale(name, embed_dim, norm_cfg))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Maps (B, C, h, w) -> maps (B, C, h * scale, w * scale), in the order of ``rescales``."""
        return [getattr(self, name)(x) for name, x in zip(self.names, features, strict=True)]


def _rescale(name: str, channels: int, norm_cfg: dict) -> nn.Module:
    def double() -> nn.Module:
        return nn.ConvTranspose2d(channels, channels, 2, 2)

    if name == 'upsample_4x':
        return nn.Sequential(double(), build_norm(norm_cfg, channels)[1], nn.GELU(), double())
    if name == 'upsample_2x':
        return nn.Sequential(double())
    if name == 'identity':
        return nn.Identity()
    return nn.MaxPool2d(2, 2) if name == 'downsample_2x' else nn.MaxPool2d(4, 4)

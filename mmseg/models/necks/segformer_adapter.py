"""A neck that lets decoders of convolutional networks read the strided features of a Transformer."""

from collections.abc import Sequence

from torch import Tensor, nn

from mmseg.config.values import Count
from mmseg.errors import InputError
from mmseg.models.layers import resize
from mmseg.registry import MODELS


@MODELS.register_module()
class SegFormerAdapter(nn.Module):
    """Enlarge some of the stage features; all consumers see the enlarged ones.

    Args:
        out_layers: stages to enlarge.
        scales: factor per side for each of them.
    """

    def __init__(self, *, out_layers: Sequence[int] = (3,), scales: Sequence[Count] = (4,)) -> None:
        super().__init__()
        if len(out_layers) != len(scales):
            raise InputError(f'SegFormerAdapter: {len(scales)} scales for {len(out_layers)} out_layers')
        self.scales = dict(zip(out_layers, scales, strict=True))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features, finest first -> the same, with some enlarged."""
        return [
            resize(feature, (feature.shape[2] * scale, feature.shape[3] * scale))
            for feature, scale in ((feature, self.scales.get(i, 1)) for i, feature in enumerate(features))
        ]

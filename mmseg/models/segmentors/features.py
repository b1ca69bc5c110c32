"""What a segmentor hands out of an image, for whoever trains it to hand back."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torch import Tensor


class StageFeatures(list[Tensor]):
    """The maps that the heads read, finest first; and ``stages``, the backbone's in front of the neck.

    Without a neck both are the same maps.
    """

    def __init__(self, maps: Iterable[Tensor], stages: Iterable[Tensor] | None = None) -> None:
        super().__init__(maps)
        self.stages = list(self if stages is None else stages)

    def split(self, sizes: Sequence[int]) -> list['StageFeatures']:
        """Those of the first ``sizes[0]`` images, those of the next ``sizes[1]``, ..."""
        count = len(self)
        parts = zip(*(level.split(list(sizes)) for level in (*self, *self.stages)), strict=True)
        return [StageFeatures(levels[:count], levels[count:]) for levels in parts]


class Compared(NamedTuple):
    """Two maps of the same places, and what is to be seen there.

    Attributes:
        map: (B, C, h, w), of the network that learns.
        reference: (B, C, h, w), of the one it is compared with.
        label: (B, 1, H, W) int64, of the part of the image that the maps cover.
    """

    map: Tensor
    reference: Tensor
    label: Tensor

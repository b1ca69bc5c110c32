"""ResNeXt: residual blocks with grouped convolutions (Xie et al., 2017)."""

from torch import nn

from mmseg.config.values import Count
from mmseg.models.backbones.resnet import DEPTHS, Bottleneck, ResNet
from mmseg.registry import MODELS


@MODELS.register_module()
class ResNeXt(ResNet):
    """ResNet of depth 50, 101 or 152 whose 3x3 convolutions work in groups.

    Args:
        groups: number of groups (the paper's cardinality).
        base_width: channels of a group in the first stage.
        **resnet: see :class:`ResNet`.
    """

    depths = {depth: row for depth, row in DEPTHS.items() if row[0] is Bottleneck}

    def __init__(self, *, groups: Count = 1, base_width: Count = 4, **resnet) -> None:
        self.groups = groups
        self.base_width = base_width
        super().__init__(**resnet)

    def build_block(self, **settings) -> nn.Module:
        """One bottleneck with ``groups`` groups in the middle."""
        width = group_width(settings['channels'], self.groups, self.base_width, self.base_channels)
        return Bottleneck(width=width, groups=self.groups, **settings)


def group_width(channels: int, groups: int, base_width: int, base_channels: int) -> int:
    """Channels of all groups together, in a block of ``channels`` inner channels; one group changes nothing."""
    return channels if groups == 1 else channels * base_width // base_channels * groups

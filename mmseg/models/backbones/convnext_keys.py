"""Where the weights of a ConvNeXt are found in files of other projects."""

import re

from torch import Tensor

#: OpenMMLab's and timm's names, and the classifier's norm of ConvNeXt's own files -> our names
RENAMED = (
    (r'^norm\.', 'norm3.'),
    (r'^head\.norm\.', 'norm3.'),
    (r'^stem\.', 'downsample_layers.0.'),
    (r'^stages\.(\d)\.downsample\.', r'downsample_layers.\1.'),
    (r'^stages\.(\d)\.blocks\.', r'stages.\1.'),
    (r'\.(depthwise_conv|conv_dw)\.', '.dwconv.'),
    (r'\.pointwise_conv([12])\.', r'.pwconv\1.'),
    (r'\.mlp\.fc([12])\.', r'.pwconv\1.'),
)


def to_convnext(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """``state`` in the names of ConvNeXt's own segmentation networks, which are ours, whoever wrote it.

    Known: ours, ConvNeXt's own classification files, OpenMMLab's, timm's (whose 1x1 convolutions become linear).
    """
    converted = {}
    for old, value in state.items():
        key = old
        for pattern, replacement in RENAMED:
            key = re.sub(pattern, replacement, key)
        converted[key] = value.flatten(1) if re.search(r'\.pwconv[12]\.weight$', key) else value
    return converted

"""Weights of a ConvNeXt -> the names of our networks, which are those of ConvNeXt's own files.

Known: ConvNeXt's own, timm's and OpenMMLab's files. The norm of the last stage becomes norm3; the
classifier is left out.

python tools/model_converters/convnext2mmseg.py convnext_base_1k_224.pth pretrained/convnext_base.pth
"""

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # runs without installation, from any folder

from mmseg.errors import command
from mmseg.models.backbones.convnext_keys import to_convnext
from tools.model_converters.common import Encoder, run

ENCODER = Encoder(
    name='ConvNeXt',
    translate=to_convnext,
    belongs=r'(downsample_layers|stages|norm\d)\.',
    telling='stages.0.0.dwconv.weight',
)


@command
def main(argv: Sequence[str] | None = None) -> None:
    run(ENCODER, __doc__, argv)


if __name__ == '__main__':
    sys.exit(main())

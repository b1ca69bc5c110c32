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
from tools.model_converters.arguments import parse_args


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(__doc__, argv)
    from mmseg.models.backbones.convnext_keys import to_convnext  # noqa: PLC0415 (--help needs no torch)
    from tools.model_converters.common import Encoder, run  # noqa: PLC0415

    encoder = Encoder(
        name='ConvNeXt',
        translate=to_convnext,
        belongs=r'(downsample_layers|stages|norm\d)\.',
        telling='stages.0.0.dwconv.weight',
    )
    run(encoder, args)


if __name__ == '__main__':
    sys.exit(main())

"""Weights of a plain vision Transformer -> the names of our networks (OpenMMLab's).

Known: timm's, DeiT's and OpenMMLab's files. The classifier is left out.

python tools/model_converters/vit2mmseg.py deit_base_patch16_224-b5f2ef4d.pth pretrained/deit_base.pth
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
    from mmseg.models.backbones.vit_keys import to_vit  # noqa: PLC0415 (--help needs no torch)
    from tools.model_converters.common import Encoder, run  # noqa: PLC0415

    encoder = Encoder(
        name='vision Transformer',
        translate=to_vit,
        belongs=r'(patch_embed|layers|ln1)\.|(cls_token|pos_embed)$',
        telling='layers.0.attn.attn.in_proj_weight',
    )
    run(encoder, args)


if __name__ == '__main__':
    sys.exit(main())

"""Weights of a Swin Transformer -> the names, and the order of merged patches, of our networks (OpenMMLab's).

Known: Swin's own, timm's and OpenMMLab's files. The norm of the last stage becomes norm3; the classifier is left out.

python tools/model_converters/swin2mmseg.py swin_base_patch4_window7_224_22k.pth pretrained/swin_base.pth
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
    from mmseg.models.backbones.swin_keys import to_swin  # noqa: PLC0415 (--help needs no torch)
    from tools.model_converters.common import Encoder, run  # noqa: PLC0415

    encoder = Encoder(
        name='Swin Transformer',
        translate=to_swin,
        belongs=r'(patch_embed|stages|norm\d)\.|absolute_pos_embed$',
        telling='stages.0.blocks.0.attn.w_msa.qkv.weight',
    )
    run(encoder, args)


if __name__ == '__main__':
    sys.exit(main())

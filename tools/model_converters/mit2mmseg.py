"""Weights of a Mix Transformer -> the names of our networks, which are those of SegFormer's own files.

Known: SegFormer's, OpenMMLab's (mmsegmentation's) and HuggingFace's files. The classifier is left out.

python tools/model_converters/mit2mmseg.py mit_b5_20220624-658746d9.pth pretrained/mit_b5.pth
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
    from mmseg.models.backbones.mit_keys import to_mit  # noqa: PLC0415 (--help needs no torch)
    from tools.model_converters.common import Encoder, run  # noqa: PLC0415

    encoder = Encoder(
        name='Mix Transformer',
        translate=to_mit,
        belongs=r'(patch_embed|block|norm)[1-4]\.',
        telling='patch_embed1.proj.weight',
    )
    run(encoder, args)


if __name__ == '__main__':
    sys.exit(main())

"""Weights of a BEiT or an MAE -> the names of our networks (OpenMMLab's).

Known: BEiT's and MAE's own, timm's and OpenMMLab's files. One table of relative positions for all layers becomes one
for each; the final norm, the classifier and the decoder are left out. Position tables keep their size: they are
resized to the images of a network when it loads them.

python tools/model_converters/beit2mmseg.py mae_pretrain_vit_base.pth pretrained/mae_base.pth
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # runs without installation, from any folder

from mmseg.errors import command
from tools.model_converters.arguments import parse_args

if TYPE_CHECKING:
    from mmseg.models.weights import State


def translate(state: 'State') -> 'State':
    """``state`` in our names, whatever number of layers it has."""
    from mmseg.models.backbones.vit_keys import to_beit  # noqa: PLC0415 (heavy)

    numbers = [int(found[1]) for key in state if (found := re.match(r'(?:blocks|layers)\.(\d+)\.', key))]
    return to_beit(state, num_layers=max(numbers, default=-1) + 1)


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(__doc__, argv)
    from tools.model_converters.common import Encoder, run  # noqa: PLC0415 (--help needs no torch)

    encoder = Encoder(
        name='BEiT or MAE',
        translate=translate,
        belongs=r'(patch_embed|layers)\.|(cls_token|pos_embed)$',
        telling='layers.0.attn.qkv.weight',
    )
    run(encoder, args)


if __name__ == '__main__':
    sys.exit(main())

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

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # runs without installation, from any folder

from mmseg.errors import command
from mmseg.models.backbones.vit_keys import to_beit
from mmseg.models.weights import State
from tools.model_converters.common import Encoder, run


def translate(state: State) -> State:
    """``state`` in our names, whatever number of layers it has."""
    numbers = [int(found[1]) for key in state if (found := re.match(r'(?:blocks|layers)\.(\d+)\.', key))]
    return to_beit(state, num_layers=max(numbers, default=-1) + 1)


ENCODER = Encoder(
    name='BEiT or MAE',
    translate=translate,
    belongs=r'(patch_embed|layers)\.|(cls_token|pos_embed)$',
    telling='layers.0.attn.qkv.weight',
)


@command
def main(argv: Sequence[str] | None = None) -> None:
    run(ENCODER, __doc__, argv)


if __name__ == '__main__':
    sys.exit(main())

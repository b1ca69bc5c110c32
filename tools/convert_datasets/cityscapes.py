"""Convert the labels of Cityscapes: train-id maps beside the originals, and the class index of rare class sampling.

python tools/convert_datasets/cityscapes.py data/cityscapes --nproc 8
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # runs without installation, from any folder

from mmseg.datasets.convert import convert, mapped, parse
from mmseg.datasets.label_sets import CITYSCAPES19, CITYSCAPES_IDS
from mmseg.datasets.labels import read_ids
from mmseg.errors import command

TABLE = CITYSCAPES19.table(CITYSCAPES_IDS)
DOWNLOAD = 'Unpack gtFine_trainvaltest.zip of Cityscapes (https://www.cityscapes-dataset.com/downloads/) there.'


def read(path: Path) -> np.ndarray:
    """Train ids of a ``_labelIds.png``."""
    return mapped(read_ids(path), TABLE)


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse('Convert Cityscapes labels to train ids.', 'gtFine', argv)
    print(convert(args, suffix='_labelIds.png', read=read, download=DOWNLOAD))


if __name__ == '__main__':
    sys.exit(main())

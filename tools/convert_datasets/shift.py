"""Convert the labels of SHIFT: train-id maps of its 22 classes beside the originals, and the class index.

python tools/convert_datasets/shift.py data/shift --gt-dir train/front --nproc 8
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # runs without installation, from any folder

from mmseg.datasets.convert import convert, mapped, parse
from mmseg.datasets.published_labels import SHIFT22
from mmseg.errors import InputError, command

SUFFIX = '_semseg_front.png'
TABLE = SHIFT22.table(dict(enumerate(SHIFT22.classes, start=1)))
DOWNLOAD = f'Unpack img.zip and semseg.zip of a view of SHIFT (https://www.vis.xyz/shift/) there: files *{SUFFIX}.'


def read(path: Path) -> np.ndarray:
    """Train ids of a label file, whose classes (1..22, 0 is unlabelled) are its red or only channel.

    Raises:
        InputError: it cannot be read, or holds other values.
    """
    try:
        with Image.open(path) as file:
            stored = np.asarray(file)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f'Label map {str(path)!r} cannot be read ({error}). Is the file complete?') from None
    ids = stored[..., 0] if stored.ndim == 3 else stored
    if ids.dtype != np.uint8 or ids.max() > len(SHIFT22):
        raise InputError(
            f'Label map {str(path)!r} ({ids.dtype}) holds the value {ids.max()}; classes of SHIFT are '
            f'0..{len(SHIFT22)}, of 8 bits. Is it a map of instances or depth?'
        )
    return mapped(np.ascontiguousarray(ids), TABLE)


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse('Convert SHIFT labels to train ids.', '.', argv)
    print(convert(args, suffix=SUFFIX, read=read, download=DOWNLOAD, labels=SHIFT22))


if __name__ == '__main__':
    sys.exit(main())

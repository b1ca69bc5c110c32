"""Labels of SHIFT -> train ids of its 22 classes."""

from pathlib import Path

import numpy as np
from PIL import Image

from mmseg.datasets.convert import mapped
from mmseg.datasets.published_labels import SHIFT22
from mmseg.errors import InputError

SUFFIX = '_semseg_front.png'  # how the names of label files end
LABELS = SHIFT22
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

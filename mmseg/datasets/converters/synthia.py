"""Labels of SYNTHIA-RAND-CITYSCAPES -> train ids."""

from pathlib import Path

import cv2
import numpy as np

from mmseg.datasets.convert import mapped
from mmseg.datasets.label_sets import CITYSCAPES19, SYNTHIA_IDS
from mmseg.errors import InputError

LABELS = CITYSCAPES19
TABLE = CITYSCAPES19.table(SYNTHIA_IDS)
HIGHEST_ID = 22
NEEDED = 'Needed are the files in GT/LABELS of SYNTHIA-RAND-CITYSCAPES: 16 bit, 3 channels, class ids 0..22 in red.'
SUFFIX = '.png'  # how the names of label files end
DOWNLOAD = f'Unpack SYNTHIA-RAND-CITYSCAPES (http://synthia-dataset.net/downloads/) there. {NEEDED}'


def read(path: Path) -> np.ndarray:
    """Train ids of a SYNTHIA label file: the class is its red channel, the instance the green one, of 16 bits each.

    Raises:
        InputError: the file belongs to another variant of SYNTHIA, or is not readable.
    """
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise InputError(f'Label map {str(path)!r} cannot be decoded. Is the file complete?')
    if stored.ndim != 3 or stored.dtype != np.uint16:
        channels = 1 if stored.ndim == 2 else stored.shape[2]
        if channels > 1:
            guess = 'a picture of colours, as in GT/COLOR of this data set'
        else:
            guess = 'another variant, such as SYNTHIA-SF or the San Francisco sequences'
        raise InputError(
            f'Label map {str(path)!r} has {8 * stored.itemsize} bit and {channels} channel(s); this is probably '
            f'{guess}. {NEEDED}'
        )
    ids = stored[..., 2]  # OpenCV's order is blue, green, red
    if ids.max() > HIGHEST_ID:
        raise InputError(
            f'Label map {str(path)!r} holds class {ids.max()}; this is probably a map of instances, or another '
            f'variant such as SYNTHIA-SEQS or SYNTHIA-AL. {NEEDED}'
        )
    return mapped(ids.astype(np.uint8), TABLE)

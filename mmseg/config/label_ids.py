"""Which numbers label maps hold: train ids, and one that means no class. Decided here for data, heads and methods."""

import numpy as np

IGNORE, WIDE_IGNORE = 255, 65535
"""The train id of pixels that neither train nor count: of up to 255 classes, and of more, where 255 is a class."""


def usual_ignore_index(num_classes: int) -> int:
    """The train id that means ignored unless a config says otherwise."""
    return IGNORE if num_classes <= IGNORE else WIDE_IGNORE


def label_dtype(largest: int) -> np.dtype:
    """What label maps with ids up to ``largest`` are stored as: a byte a pixel, or two."""
    return np.dtype(np.uint8 if largest <= IGNORE else np.uint16)

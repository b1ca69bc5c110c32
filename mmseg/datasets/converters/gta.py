"""Labels of GTA5 -> train ids."""

from pathlib import Path

import numpy as np

from mmseg.datasets.convert import mapped
from mmseg.datasets.label_sets import CITYSCAPES19, CITYSCAPES_IDS
from mmseg.datasets.labels import read_ids

LABELS = CITYSCAPES19
TABLE = CITYSCAPES19.table(CITYSCAPES_IDS)
SUFFIX = '.png'  # how the names of label files end
DOWNLOAD = 'Unpack the images and labels of GTA5 (https://download.visinf.tu-darmstadt.de/data/from_games/) there.'


def read(path: Path) -> np.ndarray:
    """Train ids of a GTA label file: a palette PNG whose indices are Cityscapes' ids, 34 and above not evaluated."""
    return mapped(read_ids(path), TABLE)

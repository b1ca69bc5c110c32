"""Labels of Cityscapes -> train ids."""

from pathlib import Path

import numpy as np

from mmseg.datasets.convert import mapped
from mmseg.datasets.label_sets import CITYSCAPES19, CITYSCAPES_IDS
from mmseg.datasets.labels import read_ids

LABELS = CITYSCAPES19
TABLE = CITYSCAPES19.table(CITYSCAPES_IDS)
SUFFIX = '_labelIds.png'  # how the names of label files end
DOWNLOAD = 'Unpack gtFine_trainvaltest.zip of Cityscapes (https://www.cityscapes-dataset.com/downloads/) there.'


def read(path: Path) -> np.ndarray:
    """Train ids of a ``_labelIds.png``."""
    return mapped(read_ids(path), TABLE)

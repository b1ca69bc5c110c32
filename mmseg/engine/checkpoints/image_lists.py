"""Which images a run is trained on: how many and of which names, to be compared when it goes on."""

from hashlib import sha256
from typing import Any

from torch.utils.data import Dataset

from mmseg.datasets.stream import TrainingSet


def image_lists(train_set: Dataset) -> dict[str, dict[str, Any]]:
    """By the role of images (``source``, ``target``; '' where they have none) their number and a hash of their names.

    The names are relative to the folders of the images, and in the order in which the training stream counts them: it
    is a function of both. Empty for a data set that does not tell its images.
    """
    found = train_set.image_lists() if isinstance(train_set, TrainingSet) else {}
    return {role: {'count': len(infos), 'names': _hash_of(infos)} for role, infos in found.items()}


def _hash_of(infos: Any) -> str:
    names = sha256()
    for info in infos:
        names.update(f'{info["filename"]}\0'.encode(errors='surrogatepass'))  # names need not be UTF-8
    return names.hexdigest()

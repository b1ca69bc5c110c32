"""A part of a data set that training leaves out, to measure on."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mmseg.config.values import Fraction
from mmseg.datasets.dataset_wrappers import ChosenDataset
from mmseg.datasets.stream import TrainingSet
from mmseg.errors import InputError
from mmseg.registry import DATASETS

Part = Literal['training', 'held out']


@DATASETS.register_module()
class PartDataset(ChosenDataset):
    """The images of a data set that are trained on, or those that are not: every so-manieth, whatever the seed.

    Args:
        dataset: config of the data set, a list of them, or the data set.
        held_out: share of the images that is held out, above 0 and at most 0.5.
        part: 'training' or 'held out'.

    Raises:
        InputError: there are too few images.
    """

    def __init__(
        self, *, dataset: dict | Sequence[dict | TrainingSet] | TrainingSet, held_out: Fraction, part: Part
    ) -> None:
        super().__init__(datasets=[dataset] if isinstance(dataset, dict | TrainingSet) else dataset)
        total = len(self)
        chosen = held_out_indices(total, held_out)
        self.choose(chosen if part == 'held out' else np.setdiff1d(np.arange(total), chosen))
        self.split_name = f'{self.split_name} ({part})'


def held_out_indices(total: int, share: float) -> np.ndarray:
    """Every so-manieth of ``total`` indices, so that they are ``share`` of all.

    Raises:
        InputError: the share is not in 0..0.5, or that is no image.
    """
    if not 0 < share <= 0.5:
        raise InputError(f'target_monitor.held_out is a share above 0 and up to 0.5, not {share}.')
    step = round(1 / share)
    found = np.arange(step - 1, total, step)
    if not len(found):
        raise InputError(
            f'target_monitor.held_out={share} of {total} source images is none: give a larger share, or 0.'
        )
    return found

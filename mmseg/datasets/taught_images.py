"""Whether images to evaluate on are among those whose labels a run learns from besides its source."""

import logging
import os
from collections.abc import Mapping
from typing import Any

from mmengine.logging import print_log

from mmseg.datasets.loader import build_dataset
from mmseg.errors import InputError


def refuse_taught_images(train: Any, dataset: Any, place: str) -> None:
    """Refuse a data set to evaluate on, that at ``place`` of the config, which shares images with ``labelled_target``.

    Where the files of that are not here, it cannot be told; a warning says so.

    Raises:
        InputError: names one of the images.
    """
    described = train.get('labelled_target') if isinstance(train, Mapping) else None
    if not described or not hasattr(dataset, 'image_path'):
        return
    try:
        taught = build_dataset(described)
    except InputError as error:
        print_log(
            f'Whether {place} shares images with data.train.labelled_target cannot be told: {error}',
            'current',
            logging.WARNING,
        )
        return
    shared = sorted(_files(taught) & _files(dataset))
    if shared:
        raise InputError(
            f'{place} holds {len(shared)} of the {len(taught)} images whose labels data.train.labelled_target teaches, '
            f'such as {shared[0]!r}: results on them say nothing of others. Evaluate on a split without them.'
        )


def _files(dataset: Any) -> set[str]:
    """The files of its images, whatever links lead to them."""
    return {os.path.realpath(dataset.image_path(index)) for index in range(len(dataset))}

"""Whether an encoder gets images of a size that it takes, normalised as those that its weights come from."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config

from mmseg.config.leaves import leaves, parts_of_training
from mmseg.errors import InputError
from mmseg.models.networks import student_network

logger = logging.getLogger(__name__)
#: steps that set the size of a training image, and the key that has it
SIZES = {'RandomCrop': 'crop_size', 'Pad': 'size'}
#: differences of means and deviations up to this, of pixels in 0..255, are rounding
ALIKE = 0.5


def check_images(cfg: Config, model: Any) -> None:
    """Refuse crops that the encoder does not take; warn of images that are normalised otherwise than it expects.

    Args:
        cfg: a complete config.
        model: what it trains, perhaps without memory.

    Raises:
        InputError: naming the place in the config.
    """
    student = student_network(model)
    backbone: Any = getattr(student, 'backbone', None)
    if not hasattr(backbone, 'check_size'):
        return
    _check_sizes(cfg, student)
    if backbone.pixel_statistics is not None and (backbone.pretrained or getattr(backbone, 'weights', None)):
        _compare_statistics(cfg, backbone)


def _check_sizes(cfg: Config, student: Any) -> None:
    for place, size in crop_sizes(cfg):
        for seen in student.encoder_sizes(size):
            _told(place, student.backbone, seen)
    test = student.test_cfg
    if test.mode == 'slide' and test.crop_size is not None and student.backbone.fixed_size is None:
        _told('model.test_cfg.crop_size', student.backbone, test.crop_size)


def _told(place: str, backbone: Any, size: Sequence[int]) -> None:
    try:
        backbone.check_size(tuple(size))
    except InputError as error:
        raise InputError(f'{place}: {error}') from error


def crop_sizes(cfg: Config) -> Iterator[tuple[str, tuple[int, int]]]:
    """(height, width) of the images that training sees, with the place in the config that says so."""
    whole = cfg.data.train.get('sync_crop_size') if isinstance(cfg.data.train, dict) else None
    if whole is not None:
        yield 'data.train.sync_crop_size', (whole[0], whole[1])
        return
    for dataset in _data_sets(cfg.data.train):
        sizes = [
            (step.type, step.get(SIZES[step.type])) for step in dataset.get('pipeline') or () if step.type in SIZES
        ]
        given = [(name, size) for name, size in sizes if size is not None]
        if given:
            name, (height, width) = given[-1]
            yield f'{name} of data.train', (height, width)


def _compare_statistics(cfg: Config, backbone: Any) -> None:
    """Name the first pipeline that normalises otherwise: what a pretrained encoder sees is then darker or flatter."""
    wanted = backbone.pixel_statistics
    for split in ('train', 'val', 'test'):
        steps = (step for dataset in _data_sets(cfg.data.get(split)) for step in _normalising(dataset.get('pipeline')))
        other = next(
            (step for step in steps if not _alike([*step['mean'], *step['std']], [*wanted.mean, *wanted.std])), None
        )
        if other is not None:
            logger.warning(
                'The weights of model.backbone come from images with mean=%s and std=%s, but data.%s normalises with '
                'mean=%s and std=%s: set those of the weights in all Normalize steps, or ignore this if the encoder '
                'was trained further with yours.',
                *map(_numbers, (wanted.mean, wanted.std)),
                split,
                *map(_numbers, (other['mean'], other['std'])),
            )
            return


def _alike(given: Sequence[float], wanted: Sequence[float]) -> bool:
    return len(given) == len(wanted) and all(abs(a - b) <= ALIKE for a, b in zip(given, wanted, strict=True))


def _data_sets(part: Any) -> Iterator[Any]:
    """The data sets of files in a part of ``data``; those of a pair too."""
    yield from leaves(parts_of_training(part))


def _numbers(values: Sequence[float]) -> str:
    return f'[{", ".join(f"{value:.6g}" for value in values)}]'


def _normalising(pipeline: Sequence[dict] | None) -> Iterator[dict]:
    """The Normalize steps, those inside of other steps too."""
    for step in pipeline or ():
        if step.get('type') == 'Normalize':
            yield step
        yield from _normalising(step.get('transforms'))

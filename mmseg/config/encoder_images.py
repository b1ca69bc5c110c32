"""Whether an encoder gets images of a size that it takes, normalised as those that its weights come from."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config

from mmseg.config.leaves import leaves, parts_of_training
from mmseg.errors import InputError
from mmseg.models.networks import Role, networks_of, student_network

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
    _compare_statistics(cfg, backbone, 'model.backbone', ('train', 'val', 'test'))
    for network in networks_of(model):
        other: Any = getattr(network.module, 'backbone', None)
        if network.role is Role.FROZEN and other.pixel_statistics != backbone.pixel_statistics:
            _compare_statistics(cfg, other, f'the frozen encoder of {network.name}', ('train',))


def _check_sizes(cfg: Config, student: Any) -> None:
    for place, size in crop_sizes(cfg):
        for seen in student.encoder_sizes(size):
            _told(place, student.backbone, seen)
    test = student.test_cfg
    if test.mode == 'slide' and test.crop_size is not None and not _is_padded(student.backbone, test.crop_size):
        _told('model.test_cfg.crop_size', student.backbone, test.crop_size)


def check_tested_size(student: Any, size: tuple[int, int], place: str) -> None:
    """Refuse to test images whole that are larger than the only ones that the encoder takes.

    Args:
        student: the network.
        size: (height, width) of an image as the network gets it.
        place: where in the config it comes from.

    Raises:
        InputError: naming both sizes.
    """
    backbone = getattr(student, 'backbone', None)
    if getattr(backbone, 'fixed_size', None) is None or student.test_cfg.mode != 'whole':
        return
    if not _is_padded(backbone, size):
        _told(f"{place} with model.test_cfg.mode='whole'", backbone, size)


def _is_padded(backbone: Any, size: Sequence[int]) -> bool:
    """Whether an encoder for images of one size sees images of ``size`` in testing, behind a border."""
    fixed = backbone.fixed_size
    return fixed is not None and all(side <= most for side, most in zip(size, fixed, strict=True))


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


def _compare_statistics(cfg: Config, backbone: Any, name: str, splits: Sequence[str]) -> None:
    """Name the first pipeline that normalises otherwise: what a pretrained encoder sees is then darker or flatter."""
    wanted = backbone.pixel_statistics
    if wanted is None or not (backbone.pretrained or getattr(backbone, 'weights', None)):
        return
    for split in splits:
        steps = (step for dataset in _data_sets(cfg.data.get(split)) for step in _normalising(dataset.get('pipeline')))
        other = next(
            (step for step in steps if not _alike([*step['mean'], *step['std']], [*wanted.mean, *wanted.std])), None
        )
        if other is not None:
            logger.warning(
                'The weights of %s come from images with mean=%s and std=%s, but data.%s normalises with '
                'mean=%s and std=%s: set those of the weights in all Normalize steps, or ignore this if the encoder '
                'was trained further with yours.',
                name,
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

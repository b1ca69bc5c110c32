"""Ask the constructors whether they take what a config gives them, before any file is read or network trained.

Networks and methods are built without memory (on PyTorch's meta device), transforms as they are, data sets not
at all, since their constructors look at files: of those names and values of arguments are compared.
"""

import copy
import logging
import re
import traceback
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

import torch
from mmengine.config import Config

from mmseg.config.encoder_images import check_images
from mmseg.config.forward_check import check_forward
from mmseg.config.leaves import INSIDE, PAIRED, are_named
from mmseg.config.schema import Purpose
from mmseg.config.values import shown
from mmseg.errors import InputError, nearest
from mmseg.registry import DATASETS, MODELS, TRANSFORMS, accepted_arguments, check_arguments

logger = logging.getLogger(__name__)

NAME_OF_SET = r'[A-Za-z0-9_-]+'
"""Names of sets are parts of names of metrics and of files."""


def check_components(cfg: Config, purpose: Purpose = 'train') -> torch.nn.Module:
    """Check every ``type`` and argument under ``model``, ``uda`` and ``data``; returns the network, without memory.

    Args:
        cfg: a config from :func:`mmseg.config.load.load_config`.
        purpose: 'test' looks at ``model`` and ``data.test`` only.

    Raises:
        InputError: a name that is not registered, or an argument that its constructor does not have or not with this
            value, with the place in the config and the nearest valid name.
    """
    uda = cfg.get('uda') if purpose == 'train' else None
    for split in ('train', 'val', 'test') if purpose == 'train' else ('test',):
        if cfg.data.get(split) is not None:
            check_datasets(cfg.data[split], f'data.{split}')
    _check_encoder(cfg.model)
    model = _built(cfg.model, uda)
    if purpose == 'train':
        _check_pairs(cfg, model)
        check_images(cfg, model)
        told_with_place('model', lambda: check_forward(cfg, model))
    return model


def _built(model: dict, uda: dict | None) -> torch.nn.Module:
    """The network, or the method around it.

    Raises:
        InputError: naming ``model`` for what is wrong in it, ``uda`` for the rest.
    """
    try:
        return told_with_place('model' if uda is None else 'uda', lambda: build_without_memory(model, uda))
    except InputError:
        if uda is not None:
            told_with_place('model', lambda: build_without_memory(model))
        raise


def _check_encoder(model: Any) -> None:
    """Refuse an encoder that is not known with where many more are to be had."""
    backbone = model.get('backbone') if isinstance(model, dict) else None
    kind = backbone.get('type') if isinstance(backbone, dict) else None
    MODELS.import_from_location()
    if isinstance(kind, str) and MODELS.get(kind) is None:
        raise InputError(
            f'model.backbone: {kind!r} is not a known network.{nearest(kind, MODELS.module_dict)} Those of timm are to '
            "be had by model.backbone=dict(_delete_=True, type='TimmBackbone', "
            "model_name='vit_small_patch14_dinov2', ...)."
        )


def check_datasets(data: Any, place: str) -> None:
    """Check names, arguments and pipelines of the data sets at ``place``, without looking for files.

    Raises:
        InputError: as :func:`check_components`.
    """
    for inner, dataset in _datasets(data, place):
        _check_dataset(inner, dataset)


def _check_pairs(cfg: Config, model: Any) -> None:
    """Refuse to adapt on data that have no target images, and say what of the target is read and used by nobody."""
    DATASETS.import_from_location()
    kinds = DATASETS.module_dict
    train = cfg.data.train
    kind = kinds['ConcatDataset'] if isinstance(train, list | tuple) else kinds.get(train.get('type'), object)
    paired = not issubclass(kind, (kinds['CustomDataset'], kinds['ConcatDataset']))
    if issubclass(kind, kinds['UDADataset']):
        _check_source(cfg, train, needed=getattr(model, 'needs_source', True))
    if getattr(model, 'needs_target', False):
        if not paired:
            raise InputError(
                'uda is set, but data.train gives no target images: make it dict(type="UDADataset", source=..., '
                'target=...), or set uda=None to train on its labels alone.'
            )
        _name_unused_fields(train.get('target'), model.fields_of_target())
    elif issubclass(kind, kinds['UDADataset']):
        method = cfg.uda.type if cfg.get('uda') else None
        reason = f'{method} does not look at its target' if method else 'uda is not set'
        logger.warning('data.train is a UDADataset, but %s: training uses its source alone.', reason)


def _check_source(cfg: Config, train: Any, *, needed: bool) -> None:
    """Refuse to learn without labels what needs them, and to start without a network that knows the classes."""
    method = f'uda.type={cfg.uda.type!r}' if cfg.get('uda') else 'uda=None'
    if needed and not train.get('source'):
        raise InputError(
            f'data.train has no source, but {method} learns from labelled images: give data.train.source, or take a '
            'method that does without (docs/domains.md).'
        )
    if not needed and not (cfg.get('load_from') or cfg.get('resume_from')):
        raise InputError(
            f'{method} has no labels to learn the classes from: give load_from=CHECKPOINT, a network that knows them.'
        )
    if not needed and train.get('source'):
        logger.warning('%s does not look at data.train.source: leave it out, and its images are not read.', method)


def _name_unused_fields(target: Any, used: Collection[str]) -> None:
    for place, dataset in _datasets(target, 'data.train.target') if isinstance(target, dict | list | tuple) else ():
        collects = [step for step in dataset.get('pipeline') or () if step.get('type') == 'Collect']
        for key in {key for step in collects for key in step.get('keys', ())} - {'img', 'gt_semantic_seg', *used}:
            logger.warning('%s.pipeline collects %r, which the method does not use.', place, key)


def build_without_memory(model: dict, uda: dict | None = None) -> torch.nn.Module:
    """The network, or the UDA method around it: shapes and names of its weights, but no values and no files."""
    with torch.device('meta'):
        if uda is None:
            return MODELS.build(copy.deepcopy(model))
        return MODELS.build({**copy.deepcopy(uda), 'model': copy.deepcopy(model), 'max_iters': 1})


def _datasets(cfg: Any, place: str) -> Iterator[tuple[str, dict]]:
    """The data set described at ``place`` and those inside it (source and target, the repeated one)."""
    if isinstance(cfg, list | tuple):
        for number, part in enumerate(cfg):
            yield from _datasets(part, f'{place}.{number}')
        return
    if not isinstance(cfg, dict):
        raise InputError(f'{place} has to be the dict of a data set, not {shown(cfg)}.')
    if are_named(cfg):
        for name, one in cfg.items():
            if not re.fullmatch(NAME_OF_SET, str(name)):
                raise InputError(f'{place}: a data set cannot be called {name!r}: use letters, digits, _ and -.')
            yield from _datasets(one, f'{place}.{name}')
        return
    yield place, cfg
    for inner in (*PAIRED, *INSIDE):
        if cfg.get(inner) in ([], ()):
            raise InputError(f'{place}.{inner} is an empty list: name at least one data set, or leave it out.')
        if isinstance(cfg.get(inner), dict | list | tuple):
            yield from _datasets(cfg[inner], f'{place}.{inner}')


def _refuse_half_named(place: str, cfg: dict, known: Collection[str]) -> None:
    """Name several sets that were put beside the keys of one, as a base config leaves them."""
    inside = [key for key, value in cfg.items() if key not in known and are_named({key: value})]
    if inside:
        others = ', '.join(repr(key) for key in cfg if key not in inside)
        raise InputError(
            f'{place} holds the data set {inside[0]!r} beside {others}: several sets by name are a dict of their own, '
            'in which nothing of a base is left: dict(_delete_=True, NAME=dict(type=...), ...).'
        )


def _check_dataset(place: str, cfg: dict) -> None:
    name = cfg.get('type')
    DATASETS.import_from_location()
    dataset = DATASETS.module_dict.get(name) if isinstance(name, str) else None
    _refuse_half_named(place, cfg, {*PAIRED, *INSIDE, *(accepted_arguments(dataset) or () if dataset else ())})
    if dataset is None:
        raise InputError(f'{place}: {name!r} is not a known data set.{nearest(str(name), DATASETS.module_dict)}')
    arguments = {key: value for key, value in cfg.items() if key != 'type'}
    known = accepted_arguments(dataset)
    foreign = [key for key in arguments if key in PAIRED and known is not None and key not in known]
    if foreign:
        raise InputError(
            f'{place}: {name} has no argument {foreign[0]!r}, as the data set of adaptation has: where the base config '
            f'describes that one, replace it: {place}=dict(_delete_=True, type={name!r}, ...).'
        )
    told_with_place(place, lambda: check_arguments(dataset, arguments))
    for number, step in enumerate(cfg.get('pipeline') or ()):
        told_with_place(f'{place}.pipeline.{number}', partial(TRANSFORMS.build, copy.deepcopy(step)))


def told_with_place(place: str, build: Callable[[], Any]) -> Any:
    """What ``build`` makes of a part of the config at ``place``.

    Raises:
        InputError: whatever a constructor raises, since the values that it got are the user's: with the place, and
            with the line of code where it is no refusal of a value.
    """
    try:
        return build()
    except InputError as error:
        raise InputError(f'{place}: {error}') from error
    except Exception as error:
        told = f'{type(error).__name__}: {error}'
        if not isinstance(error, TypeError | ValueError | AssertionError):
            frame = traceback.extract_tb(error.__traceback__)[-1]
            told += f' ({frame.filename}, line {frame.lineno})'
        raise InputError(f'{place}: {told}') from error

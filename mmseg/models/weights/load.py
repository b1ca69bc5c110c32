"""Networks and encoders loaded from files."""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from mmengine.logging import print_log
from torch import nn

from mmseg.errors import InputError
from mmseg.models.weights.checkpoint import load_checkpoint, load_state, meta_of
from mmseg.models.weights.foreign_networks import in_our_names, without_other_classifier
from mmseg.models.weights.input_bands import MEAN, for_other_bands
from mmseg.models.weights.left_out import KEY as LEFT_OUT
from mmseg.models.weights.left_out import completed, concerns_student
from mmseg.models.weights.sources import find, where_to_get
from mmseg.models.weights.state import (
    State,
    backbone_of,
    part_of,
    refuse_not_finite,
    state_of,
    student_of,
    teacher_of,
    without_prefix,
)
from mmseg.models.weights.strict import load_strict, matches


def load_network(
    segmentor: nn.Module,
    path: str | Path,
    *,
    which: Literal['student', 'teacher'] = 'student',
    trust: bool = False,
    other_classes: bool = False,
    before_tuning: bool = False,
    plain_too: bool = False,
    load_from: str | Path | None = None,
) -> dict[str, Any]:
    """Load a whole network from a plain or an adaptation checkpoint; returns the checkpoint's ``meta`` ({} if none).

    A network of OpenMMLab is read too. A checkpoint that holds only what learned is completed: ``segmentor`` is given
    what its run started from first, its pretrained weights or those of ``load_from``.

    ``other_classes``: one for another number of classes leaves the classifiers as they are. ``before_tuning``: one from
    before an encoder was tuned lets what was added to it start anew, from these weights. ``plain_too``: where there is
    one network alone in the file, that is the one.

    Raises:
        InputError: unreadable, no such network in it, or it does not fit ``segmentor`` or holds no numbers.
    """
    content = load_checkpoint(path, trust=trust)
    state = state_of(content, source=str(path))
    alone = plain_too and not without_prefix(state, 'model.')
    selected = student_of(state) if which == 'student' or alone else teacher_of(state)
    selected = in_our_names(segmentor, selected, source=str(path))
    left_out: list[str] = []
    if other_classes:
        selected, left_out = without_other_classifier(segmentor, selected, source=str(path))
    added = _added_to(segmentor, selected) if before_tuning else []
    note = _left_out_of(content)
    if concerns_student(note):
        if load_from:
            load_network(segmentor, load_from, other_classes=True, before_tuning=True)
        else:
            segmentor.init_weights()  # type: ignore[operator]
        selected = completed(segmentor, selected, note, source=str(path))
    _load_numbers(segmentor, selected, may_be_missing=[*left_out, *added], source=str(path))
    if added:
        segmentor.tuning.start()  # type: ignore[union-attr, operator]
    return meta_of(content, str(path))


def _left_out_of(content: Mapping[str, Any]) -> Any:
    """What the checkpoint says of weights that it leaves out; None for one that holds all."""
    meta = content.get('meta')
    return meta.get(LEFT_OUT) if isinstance(meta, Mapping) else None


def _added_to(segmentor: nn.Module, state: State) -> list[str]:
    """Patterns of what was added to the encoder of ``segmentor``, if ``state`` has none of it."""
    added = [f'backbone.{pattern}' for pattern in getattr(getattr(segmentor, 'tuning', None), 'added', ())]
    return [] if any(matches(key, added) for key in state) else added


def load_pretrained(
    backbone: nn.Module,
    path: str,
    *,
    convert: Callable[[State], State] = dict,
    may_be_missing: Iterable[str] = (),
    ignored: Iterable[str] = (),
    prefix: str = '',
    bands: str = MEAN,
) -> None:
    """Load a backbone from its own file, or from the ``backbone.*`` part of a whole network's checkpoint.

    Args:
        backbone: what to load.
        path: what :func:`find` understands.
        convert: translates known foreign names and shapes.
        may_be_missing: entries that the file need not have, see :func:`load_strict`.
        ignored: entries of the file that are passed over, see :func:`load_strict`.
        prefix: only entries whose names begin with it are meant, under the rest of their names.
        bands: how a file for images of three bands serves a backbone for others, 'mean' or 'repeat'.

    Raises:
        InputError: the file is missing (the message says what to do), unreadable, does not fit or holds no numbers.
    """
    try:
        file = find(path)
    except InputError as error:
        raise InputError(f'{type(backbone).__name__}: {error}\n{where_to_get(path)}') from error
    state = part_of(load_checkpoint(file), prefix, source=str(file)) if prefix else backbone_of(load_state(file))
    try:
        converted = convert(state)
    except InputError:
        raise
    except Exception as error:  # a converter counts on what the files of its layout hold
        raise InputError(f'{file} does not fit {type(backbone).__name__}: {type(error).__name__}: {error}') from error
    foreign = [key for key in converted if key not in state]
    if foreign:
        print_log(
            f'{file} has the names of another project; {len(foreign)} were translated, the first to {foreign[0]}.',
            'current',
            logging.INFO,
        )
    converted = for_other_bands(backbone, converted, bands, source=str(file))
    _load_numbers(backbone, converted, may_be_missing=may_be_missing, ignored=ignored, source=str(file))


def _load_numbers(
    module: nn.Module, state: State, *, may_be_missing: Iterable[str], ignored: Iterable[str] = (), source: str
) -> None:
    """Load strictly, and refuse what is no number in ``module``: one of 64 bits may be none in 32.

    Raises:
        InputError: they do not fit, or one is no number.
    """
    load_strict(module, state, may_be_missing=may_be_missing, ignored=ignored, source=source)
    refuse_not_finite({key: value for key, value in module.state_dict().items() if key in state}, source)

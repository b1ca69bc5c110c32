"""Weights by name, and the parts of them: a network, its student or teacher, its backbone."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmseg.config.values import shown
from mmseg.errors import InputError
from mmseg.models.finite import is_plain, not_finite
from mmseg.models.weights.foreign_networks import refuse_known_strangers

State = dict[str, Tensor]
LISTED = 8


def state_of(content: Mapping[str, Any], *, source: str) -> State:
    """The weights in what a checkpoint file holds; see :func:`mmseg.models.weights.checkpoint.load_state`.

    Raises:
        InputError: there are none, they have no names, or are no plain tensors.
    """
    refuse_known_strangers(content, source=source)
    for wrapping in ('state_dict', 'model', 'module', 'state'):
        if isinstance(content.get(wrapping), Mapping):
            content = content[wrapping]
            break
    foreign = [key for key in content if not isinstance(key, str)]
    if foreign:
        raise InputError(f'{source} holds no weights by name: {shown(foreign[0])} is no name.')
    # what a data-parallel wrapper puts in front
    content = {key.removeprefix('module.'): value for key, value in content.items()}
    state = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not state:
        raise InputError(f'There are no weights in {source}; it holds {", ".join(content) or "nothing"}.')
    odd = [key for key, value in state.items() if not is_plain(value)]
    if odd:
        raise InputError(
            f'{source} holds weights without plain values (sparse, quantised, complex or none at all): '
            f'{abbreviated(odd)}. Save them as ordinary tensors.'
        )
    return state


def part_of(content: Mapping[str, Any], prefix: str, *, source: str) -> State:
    """The weights whose names begin with ``prefix``; a dict within the file counts as a part of the names.

    Raises:
        InputError: there are none; the message lists how names begin.
    """
    first, dot, rest = prefix.partition('.')
    if dot and isinstance(content.get(first), Mapping):
        return part_of(content[first], rest, source=source) if rest else state_of(content[first], source=source)
    state = state_of(content, source=source)
    chosen = without_prefix(state, prefix if prefix.endswith('.') else f'{prefix}.')
    if not chosen:
        begins = sorted({key.partition('.')[0] for key in state})
        raise InputError(
            f'{source} has no weights whose names begin with {prefix!r}; they begin with {abbreviated(begins)}.'
        )
    return chosen


def without_prefix(state: State, prefix: str) -> State:
    """The entries whose name begins with ``prefix``, under the rest of their name."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def student_of(state: State) -> State:
    """The student (``model.*``) of an adaptation checkpoint; a plain network's checkpoint is its own student."""
    return without_prefix(state, 'model.') or state


def teacher_of(state: State) -> State:
    """The teacher (``ema_model.*``) of an adaptation checkpoint.

    Raises:
        InputError: there is none in it.
    """
    teacher = without_prefix(state, 'ema_model.')
    if not teacher:
        raise InputError('This checkpoint has no teacher (no entry ema_model.*); use the student.')
    return teacher


def backbone_of(state: State) -> State:
    """The backbone's part (``backbone.*``, of the student) of a whole network's weights; others are all of it.

    A network from elsewhere may hold a part called ``model`` beside others (DINOv3 in transformers).
    """
    inside = all(key.startswith('model.') for key in state)
    return without_prefix(student_of(state), 'backbone.') or (student_of(state) if inside else state)


def refuse_not_finite(state: State, source: str) -> None:
    """Refuse weights that are no numbers.

    Raises:
        InputError: names the first.
    """
    bad = not_finite(state.items())
    if bad:
        raise InputError(
            f'{source} holds weights that are no numbers (first {bad[0]}, {len(bad)} in all): take another.'
        )


def abbreviated(names: list[str]) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - LISTED
    return ', '.join(names[:LISTED]) + (f', ... and {rest} more' if rest > 0 else '')

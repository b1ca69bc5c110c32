"""Which layers of an encoder a rule by name means."""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TypeVar

from torch import nn

from mmseg.errors import InputError, nearest
from mmseg.models.backbones.base import learns_anyway

Kind = TypeVar('Kind', bound=nn.Module)
#: names that a message lists
LISTED = 20


def layers_of(encoder: nn.Module) -> dict[str, nn.Module]:
    """The layers of an encoder that a rule can mean, by full name: none of an adapter or of what a rule has added."""
    return {name: module for name, module in encoder.named_modules() if name and not learns_anyway(encoder, name)}


def is_called(name: str, pattern: str) -> bool:
    """Whether the last parts of a full ``name`` are those of ``pattern``: 'qkv', 'mlp.fc1', 'blocks.*'; * is any."""
    parts, wanted = name.split('.'), pattern.split('.')
    return len(parts) >= len(wanted) and all(
        fnmatch.fnmatchcase(part, one) for part, one in zip(parts[-len(wanted) :], wanted, strict=True)
    )


def chosen(candidates: Mapping[str, Kind], patterns: Sequence[str], *, owner: str) -> dict[str, Kind]:
    """Those of the ``candidates``, by full name, that are called as one of ``patterns``.

    Raises:
        InputError: a pattern is no candidate's name; ``owner`` is the part of the config that has it.
    """
    if not candidates:
        raise InputError(
            f'{owner}: the encoder has no layer of the kind that it works on (LoRA and SoMA: linear ones, as those of '
            'Transformers). Freeze stages instead: frozen_stages of the encoder, or the rule Freeze.'
        )
    for pattern in patterns:
        if not any(is_called(name, pattern) for name in candidates):
            ends = list(dict.fromkeys(name.rpartition('.')[2] for name in candidates))
            known = ', '.join(ends[:LISTED])
            raise InputError(
                f'{owner}: no layer of the encoder that it could be is called {pattern!r}.{nearest(pattern, ends)} '
                f'They are called: {known}.'
            )
    return {name: layer for name, layer in candidates.items() if any(is_called(name, pattern) for pattern in patterns)}

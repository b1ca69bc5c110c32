"""What the converters share: read any known file of an encoder, write its weights under the names of our networks."""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from mmseg.engine.checkpoints.checkpoint_io import save_atomically
from mmseg.errors import InputError
from mmseg.models.weights import State, backbone_of, load_state

LISTED = 6


@dataclass(frozen=True)
class Encoder:
    """One family of encoders.

    Args:
        name: in words.
        translate: a file's weights -> the same under our names, in our shapes; ours are left as they are.
        belongs: pattern of the beginning of all names of the encoder; other entries (a classifier's) are left out.
        telling: the name by which its weights are recognised.
    """

    name: str
    translate: Callable[[State], State]
    belongs: str
    telling: str


#: buffers that a network makes for its own grid
INDICES = re.compile(r'\.(relative_position_index|attn_mask)$')


class Read(Protocol):
    """Gives the weights in a file, as :func:`mmseg.models.weights.load_state` does."""

    def __call__(self, source: str, *, trust: bool) -> State: ...


def run(encoder: Encoder, args: argparse.Namespace, *, read: Read = load_state) -> None:
    """What a converter does with the ``args`` of its command; ``read`` may know further kinds of files."""
    original = backbone_of(read(args.src, trust=args.trust))
    converted = convert(original, encoder, source=args.src)
    save_atomically(converted, args.dst)
    translated = sum(key not in original for key in converted)
    print(f'{args.dst}: {len(converted)} tensors of a {encoder.name}; {translated} had other names in {args.src}.')


def convert(state: State, encoder: Encoder, *, source: str) -> State:
    """The encoder in ``state`` under our names, each tensor with memory of its own; says what was left out.

    Raises:
        InputError: there is no such encoder in it.
    """
    try:
        translated = encoder.translate(state)
    except InputError:
        raise
    except Exception as error:  # a converter counts on what the files of its layout hold
        raise InputError(f'{source} is no {encoder.name} ({type(error).__name__}: {error}).') from error
    if encoder.telling not in translated:
        raise InputError(f'{source} holds no {encoder.name}; its entries are {_some(list(state))}.')
    kept = {
        key: value.clone(memory_format=torch.contiguous_format)
        for key, value in translated.items()
        if re.match(encoder.belongs, key) and not INDICES.search(key)
    }
    left_out = [key for key in translated if key not in kept]
    if left_out:
        print(f'left out: {_some(left_out)}')
    return kept


def _some(names: list[str]) -> str:
    rest = len(names) - LISTED
    return ', '.join(names[:LISTED]) + (f', ... and {rest} more' if rest > 0 else '')

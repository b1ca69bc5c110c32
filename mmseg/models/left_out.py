"""Checkpoints without the weights that never change: what is left out, and putting it together again.

A network of which a part keeps its pretrained weights is saved without that part. What it was is known by a checksum,
so that other pretrained weights are refused and not silently taken.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.config.values import shown
from mmseg.errors import InputError
from mmseg.models.networks import Network, networks_of

#: where a checkpoint's ``meta`` says what is left out
KEY = 'left_out'


def still_names(network: nn.Module) -> list[str]:
    """Names of the parameters that keep their weights."""
    return [name for name, parameter in network.named_parameters() if not parameter.requires_grad]


def checksum(network: nn.Module, names: Sequence[str]) -> str:
    """SHA-256 of the parameters called ``names``, bit for bit."""
    parameters, digest = dict(network.named_parameters()), hashlib.sha256()
    for name in sorted(names):
        value = parameters[name].detach().cpu().contiguous()
        digest.update(f'{name} {tuple(value.shape)} {value.dtype}'.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class LeftOut:
    """What checkpoints of a model leave out, of its student and of the networks that have the same weights there.

    Args:
        model: a segmentor or a method.

    Raises:
        InputError: everything learns.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.names = still_names(networks_of(model)[0].module)
        if not self.names:
            raise InputError(
                'checkpoint_config.learned_only=True, but every parameter of the network learns: there is nothing to '
                'leave out. Set it to False, or let a part of the encoder keep its weights (model.tuning).'
            )

    @cached_property
    def note(self) -> dict[str, Any]:
        """What a checkpoint says of it. Asked for when the model has its weights, which do not change from then on."""
        return {'names': self.names, 'sha256': checksum(networks_of(self.model)[0].module, self.names)}

    def reduced(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``state`` of the model without what is left out."""
        first, *others = networks_of(self.model)
        own = prefix_of(first)
        dropped = {f'{own}{name}' for name in self.names}
        for network in others:
            alike = {f'{prefix_of(network)}{name}': state[f'{own}{name}'] for name in self.names}
            dropped |= {key for key, value in alike.items() if key in state and torch.equal(state[key], value)}
        return {key: value for key, value in state.items() if key not in dropped}


def completed(model: nn.Module, state: Mapping[str, Tensor], note: Any, *, source: str) -> dict[str, Tensor]:
    """``state`` of a model with what its checkpoint left out, from the weights that the model has now.

    Args:
        model: a segmentor or a method, which has its pretrained weights.
        state: of the checkpoint, by the names of ``model``.
        note: what the checkpoint's ``meta`` says of it.
        source: the file, for the message.

    Raises:
        InputError: the weights that it has are others.
    """
    networks = networks_of(model)
    student = networks[0].module
    parameters = dict(student.named_parameters())
    names = _names(note, parameters, source)
    if checksum(student, names) != note.get('sha256'):
        raise InputError(
            f'{source} holds only what learned, and the rest has to be what it was then; but the weights that the '
            "network starts from are others. Give the file of that run's model.pretrained (or backbone.pretrained, or "
            'load_from).'
        )
    filled = {key: parameters[name].detach() for key, name in _places(networks, names) if key not in state}
    return {**filled, **state}


def _names(note: Any, known: Mapping[str, Any], source: str) -> list[str]:
    names = note.get('names') if isinstance(note, Mapping) else None
    if not isinstance(names, Sequence) or not all(name in known for name in names):
        raise InputError(f'{source} leaves out weights that the network does not have: {shown(names)}.')
    return list(names)


def _places(networks: Sequence[Network], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every place in the model's state where one of ``names`` can be left out."""
    for network in networks:
        own = dict(network.module.named_parameters())
        yield from ((f'{prefix_of(network)}{name}', name) for name in names if name in own)


def prefix_of(network: Network) -> str:
    """What the names of ``network`` begin with in the state of its model."""
    return f'{network.name}.' if network.name else ''

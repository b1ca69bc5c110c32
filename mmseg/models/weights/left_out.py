"""Checkpoints without the weights that never change: what is left out, and putting it together again.

A network of which a part keeps its pretrained weights is saved without that part. What it was is known by a checksum,
so that other pretrained weights are refused and not silently taken. Weights that no file holds are never left out.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmseg.config.values import shown
from mmseg.errors import InputError
from mmseg.models.networks import Network, Role, networks_of
from mmseg.models.weights.read_marks import read_names

#: where a checkpoint's ``meta`` says what is left out
KEY = 'left_out'
#: where that says it of networks with pretrained weights of their own, by the name of the network
APART = 'networks'


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
    """What checkpoints of a model leave out: of its student and of the networks that have the same weights there, and
    of networks that are frozen with weights of their own.

    Args:
        model: a segmentor or a method, which has just read its pretrained weights.

    Attributes:
        names: of the parameters, by the name of the network.
        note: what a checkpoint says of it.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.names: dict[str, list[str]] = {}
        first, *others = networks_of(model)
        for network in [first, *(other for other in others if other.role is Role.FROZEN)]:
            read = read_names(network.module)
            self.names[network.name] = [name for name in still_names(network.module) if name in read]
        self.note = self._noted()

    def __bool__(self) -> bool:
        return any(self.names.values())

    def _noted(self) -> dict[str, Any]:
        parts = {
            network.name: {'names': names, 'sha256': checksum(network.module, names)}
            for network in networks_of(self.model)
            if (names := self.names.get(network.name)) is not None
        }
        first = parts.pop(networks_of(self.model)[0].name)
        apart = {name: part for name, part in parts.items() if part['names']}
        return first | ({APART: apart} if apart else {})

    def reduced(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``state`` of the model without what is left out."""
        first, *others = networks_of(self.model)
        own = {name: state[f'{prefix_of(first)}{name}'] for name in self.names[first.name]}
        dropped = {f'{prefix_of(first)}{name}' for name in own}
        for network in others:
            prefix, apart = prefix_of(network), self.names.get(network.name)
            if apart:
                dropped |= {f'{prefix}{name}' for name in apart}
            else:
                alike = {f'{prefix}{name}': value for name, value in own.items() if f'{prefix}{name}' in state}
                dropped |= {key for key, value in alike.items() if torch.equal(state[key], value)}
        return {key: value for key, value in state.items() if key not in dropped}

    def check(self, source: str) -> None:
        """Refuse weights that were loaded since and are others: they could not be put together again.

        Raises:
            InputError: naming ``source``, which they were loaded from.
        """
        if self._noted() != self.note:
            raise InputError(
                f'checkpoint_config.learned_only=True, but what keeps its weights in {source} is not what the '
                f'pretrained file of this config (or load_from) holds. Set it to False, or give the file of that run.'
            )


def left_out_of(model: nn.Module, *, resumes: bool) -> LeftOut | None:
    """What checkpoints of ``model`` leave out; None for nothing.

    Args:
        model: a segmentor or a method, which has just read its pretrained weights.
        resumes: the run goes on from a checkpoint that has left something out: no reason to stop it now.

    Raises:
        InputError: there is nothing that could be left out.
    """
    left_out = LeftOut(model)
    if left_out:
        return left_out
    if not still_names(networks_of(model)[0].module):
        raise InputError(
            'checkpoint_config.learned_only=True, but every parameter of the network learns: there is nothing to '
            'leave out. Set it to False, or let a part of the encoder keep its weights (model.tuning).'
        )
    drawn = 'checkpoint_config.learned_only=True, but what keeps its weights was read from no file'
    if not resumes:
        raise InputError(
            f'{drawn}: nobody could put a checkpoint together again. Set it to False, or give the encoder pretrained '
            'weights (model.backbone.pretrained, or load_from).'
        )
    print_log(f'{drawn}: whole checkpoints are written from here on.', 'current', logging.WARNING)
    return None


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
    first, *others = networks_of(model)
    same = _as_they_were(first, note, source)
    apart = note.get(APART) or {}
    filled = {f'{prefix_of(first)}{name}': value for name, value in same.items()}
    for network in others:
        own = isinstance(apart, Mapping) and network.name in apart
        values = _as_they_were(network, apart[network.name], source) if own else same
        places = dict(network.module.named_parameters())
        filled |= {f'{prefix_of(network)}{name}': value for name, value in values.items() if name in places}
    return {**filled, **state}


def concerns_student(note: Any) -> bool:
    """Whether a checkpoint with this ``note`` has left something out of the student (and its teacher)."""
    return note is not None and not (isinstance(note, Mapping) and note.get('names') == [])


def _as_they_were(network: Network, note: Any, source: str) -> dict[str, Tensor]:
    """The parameters of ``network`` that ``note`` names, by name.

    Raises:
        InputError: they are not what they were then.
    """
    parameters = dict(network.module.named_parameters())
    names = note.get('names') if isinstance(note, Mapping) else None
    if not isinstance(names, Sequence) or not all(isinstance(name, str) and name in parameters for name in names):
        raise InputError(f'{source} leaves out weights that the network does not have: {shown(names)}.')
    if checksum(network.module, names) != note.get('sha256'):
        raise InputError(
            f'{source} holds only what learned, and the rest has to be what it was then; but the weights that the '
            "network starts from are others. Give the file of that run's model.pretrained (or backbone.pretrained, or "
            'load_from). Where there was none, resume the run: it writes whole checkpoints now.'
        )
    return {name: parameters[name].detach() for name in names}


def prefix_of(network: Network) -> str:
    """What the names of ``network`` begin with in the state of its model."""
    return f'{network.name}.' if network.name else ''

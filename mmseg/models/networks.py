"""The networks that a training consists of, each with its role: what the engine has to know of a method's insides."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from torch import nn

from mmseg.errors import InputError

TEACHER = 'ema_model'
"""Where methods keep the network that follows the student."""


class Role(Enum):
    """How the weights of a network change."""

    LEARNS = 'it descends the losses'
    FOLLOWS = 'its weights are made of another network that learns; it predicts in train mode'
    FROZEN = 'its weights stay as they are; it predicts in eval mode'


class Network(NamedTuple):
    """One network of a method.

    Attributes:
        name: where it is: the prefix of its state dict, without the dot; '' for a model that is one network itself.
        module: the network.
        role: how its weights change.
        optimizer: of a network that learns: the config of an optimizer of its own, as ``optimizer`` of a config is
            written; None is that one, for all. Its rate follows the same schedule.
    """

    name: str
    module: nn.Module
    role: Role
    optimizer: Mapping[str, Any] | None = None


def networks_of(model: Any) -> list[Network]:
    """All networks of a method, the one that is evaluated first; a model that lists none is one that learns."""
    return model.networks() if hasattr(model, 'networks') else [Network('', model, Role.LEARNS)]


def student_network(model: Any) -> Any:
    """The network that is evaluated, tested and started from other weights."""
    return networks_of(model)[0].module


def evaluated_network(model: Any, weights: str) -> Any:
    """The network of ``weights``: the student, or the method's teacher.

    Raises:
        InputError: the method has no teacher.
    """
    if weights == 'student':
        return student_network(model)
    found = next((one.module for one in networks_of(model) if one.name == TEACHER), None)
    if found is None:
        raise InputError(f"evaluation.weights='teacher', but {type(model).__name__} has no teacher: take 'student'.")
    return found


def input_channels(student: Any) -> int | None:
    """Channels that the encoder takes: those of its first layer, if that is a convolution."""
    modules = student.backbone.modules() if hasattr(student, 'backbone') else ()
    first = next((module for module in modules if not list(module.children()) and list(module.parameters())), None)
    return first.in_channels if isinstance(first, nn.Conv2d) else None

"""The mean teacher: a copy of the student that follows it slowly and predicts without dropout (DACS, sec. 3.1)."""

import copy
import logging
import math
from typing import TypeVar

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmseg.models.networks import Network, Role
from mmseg.models.uda.uda_decorator import UDADecorator, require

Segmentor = TypeVar('Segmentor', bound=nn.Module)


class MeanTeacher(UDADecorator):
    """A UDA method with an EMA teacher ``ema_model``.

    The teacher stays in train mode: its batch norms use batch statistics and advance their own buffers, which are
    neither copied nor averaged. Only its parameters follow the student.

    Args:
        alpha: the teacher keeps this share of itself in each update, once it is warmed up; in 0..1.
        **decorator: of :class:`UDADecorator`.
    """

    def __init__(self, *, alpha: float = 0.99, **decorator) -> None:
        super().__init__(**decorator)
        require(0 <= alpha <= 1, 'uda.alpha', alpha, 'in 0..1')
        self.alpha = alpha
        self.ema_model = follower_of(self.model)
        self.teacher_parameters, self.student_parameters = ParameterList(self.ema_model), ParameterList(self.model)

    def init_weights(self) -> None:
        super().init_weights()
        self.ema_model.load_state_dict(self.model.state_dict())

    def networks(self) -> list[Network]:
        return [*super().networks(), Network('ema_model', self.ema_model, Role.FOLLOWS)]

    def update_teacher(self) -> None:
        """Let the teacher follow, once for each move of the student; in the very first step it becomes the student."""
        if self.starts_accumulation():
            moves = self.steps // self.accumulate
            update_ema(self.teacher_parameters(), self.student_parameters(), ema_alpha(moves, self.alpha))

    def missing_iteration(self, state: dict[str, Tensor], prefix: str) -> int:
        """A checkpoint with a teacher but without its counter, as published ones are: it counts as warmed up.

        Otherwise the next step would overwrite the teacher with the student.
        """
        if not any(key.startswith(f'{prefix}ema_model.') for key in state):
            return super().missing_iteration(state, prefix)
        print_log('The checkpoint has no iteration counter: its teacher counts as warmed up.', 'current', logging.INFO)
        return warmed_up(self.alpha) * self.accumulate


def follower_of(student: Segmentor) -> Segmentor:
    """A copy of ``student`` that does not learn, and predicts without dropout in whatever mode."""
    copied = copy.deepcopy(student).requires_grad_(False)
    freeze_stochastic_layers(copied)
    return copied


def ema_alpha(step: int, alpha: float) -> float:
    """alpha_t = min(1 - 1 / (t + 1), alpha): the plain mean of all students so far, until it would be slower."""
    return min(1 - 1 / (step + 1), alpha)


def warmed_up(alpha: float) -> int:
    """A step from which on alpha_t is ``alpha`` (as far as that is reached at all)."""
    return math.ceil(1 / max(1 - alpha, 1e-9))


class ParameterList:
    """The parameters of a network as they are now, without a walk through its modules each time.

    Modules must not be added or taken away later; parameters may be replaced.
    """

    def __init__(self, network: nn.Module) -> None:
        self._stores = [module._parameters for module in network.modules() if module._parameters]

    def __call__(self) -> list[nn.Parameter]:
        """In the order of ``network.parameters()``, shared ones once.

        Raises:
            TypeError: copies in half precision are in their place: see :class:`mmseg.models.half_weights.HalfWeights`.
        """
        parameters = list(dict.fromkeys(p for store in self._stores for p in store.values() if p is not None))
        if not all(isinstance(parameter, nn.Parameter) for parameter in parameters):
            raise TypeError('parameters are moved outside of the context of the optimizer wrapper')
        return parameters


@torch.no_grad()
def update_ema(teacher: list[nn.Parameter], student: list[nn.Parameter], alpha: float) -> None:
    """phi <- alpha * phi + (1 - alpha) * theta of parameters in the same order. ``alpha`` 0 copies exactly."""
    if len(teacher) != len(student):
        raise ValueError(f'{len(teacher)} parameters cannot follow {len(student)}')
    torch._foreach_lerp_([*teacher], [*student], 1 - alpha)


def freeze_stochastic_layers(model: nn.Module) -> None:
    """Set every dropout and drop-path rate inside ``model`` to 0, in place.

    Rates are set rather than layers put into eval mode: some attention layers pass their dropout layer's rate on to
    a fused kernel and look at their own mode only. Found are all layers named after dropping, whatever library they
    come from (torch's Dropout, the DropPath of timm, mmcv, torchvision and ours), and every rate another layer keeps.

    Raises:
        TypeError: a layer is named after dropping, but keeps its rate where we do not look.
    """
    for name, module in model.named_modules():
        kind = type(module).__name__
        drops = 'Drop' in kind or kind == 'StochasticDepth'
        rates = [key for key, value in vars(module).items() if is_rate(key, value, drops=drops)]
        if drops and not rates and not list(module.children()):
            raise TypeError(f'{name} ({kind}) seems to drop at random, but has none of the attributes p, prob, *drop*.')
        for key in rates:
            setattr(module, key, 0.0)


def is_rate(name: str, value: object, *, drops: bool) -> bool:
    """Whether the attribute ``name`` of a layer is a probability of dropping; ``drops``: that is all the layer does."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return False
    return 'drop' in name or (drops and name in ('p', 'prob'))

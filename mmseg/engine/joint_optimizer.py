"""Several optimizers, each over parameters of its own, that are one to everybody else."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn


class JointOptimizer(torch.optim.Optimizer):
    """Moves the parameters of all members at once; its state has the form of a single optimizer's.

    Args:
        members: their groups follow each other, those of the first one first.
    """

    def __init__(self, members: Sequence[torch.optim.Optimizer]) -> None:
        self.members = list(members)
        super().__init__(self._groups(), {})  # the same dicts: a rate that is set here is set there

    def _groups(self) -> list[dict[str, Any]]:
        return [group for member in self.members for group in member.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        if closure is not None:
            raise TypeError('a step of several optimizers takes no closure')
        for member in self.members:
            member.step()

    def state_dict(self) -> dict[str, Any]:
        """As of one optimizer: parameters are numbered through all members."""
        state: dict[int, Any] = {}
        groups: list[dict[str, Any]] = []
        for first, member in self._numbered():
            own = member.state_dict()
            state |= {first + number: values for number, values in own['state'].items()}
            groups += [
                {**group, 'params': [first + number for number in group['params']]} for group in own['param_groups']
            ]
        return {'state': state, 'param_groups': groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave.

        Raises:
            ValueError: the groups are other ones.
        """
        if len(state_dict['param_groups']) != len(self.param_groups):
            raise ValueError(
                f'{len(state_dict["param_groups"])} parameter groups were saved, not {len(self.param_groups)}'
            )
        groups = iter(state_dict['param_groups'])
        for first, member in self._numbered():
            own = [next(groups) for _ in member.param_groups]
            last = first + count_parameters(member)
            state = {number - first: v for number, v in state_dict['state'].items() if first <= number < last}
            own = [{**group, 'params': [number - first for number in group['params']]} for group in own]
            member.load_state_dict({'state': state, 'param_groups': own})
        self.param_groups = self._groups()

    def _numbered(self) -> Iterator[tuple[int, torch.optim.Optimizer]]:
        """Each member with the number of its first parameter."""
        first = 0
        for member in self.members:
            yield first, member
            first += count_parameters(member)


def members_of(optimizer: torch.optim.Optimizer) -> list[torch.optim.Optimizer]:
    """The optimizers that ``optimizer`` consists of: itself, as a rule."""
    return optimizer.members if isinstance(optimizer, JointOptimizer) else [optimizer]


def parameters_of(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """What it moves, group by group."""
    return [parameter for group in optimizer.param_groups for parameter in group['params']]


def count_parameters(optimizer: torch.optim.Optimizer) -> int:
    return sum(len(group['params']) for group in optimizer.param_groups)

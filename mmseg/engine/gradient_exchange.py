"""Gradients of a step averaged over all processes, under way while the last way back still runs.

Parameters are shared out to messages of about 25 MB once and for all, those that were registered last to the first
message: their gradients come first. In every step each process sends the same messages in the same order, whatever
took part there, so that they always meet; what took part, the processes agree on afterwards.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import compress
from typing import NamedTuple

import torch
from mmengine.dist import get_world_size
from torch import Tensor, nn

from mmseg.engine import distributed
from mmseg.engine.distributed import MESSAGE_BYTES, as_it_lies, messages, peers_needed

#: lets the given parameters have the gradients of earlier terms, too
AddEarlier = Callable[[Sequence[nn.Parameter]], None]


class GradientExchange:
    """Replaces gradients by their means over all processes, as far as possible behind the last way back.

    Only the last way back of a step completes gradients. Which one that is, and which gradients it brings, nobody knows
    before its end: it is taken to be as in the step before. Where that was wrong, messages that went too early go once
    more. So it costs time, and no result depends on it. With one process nothing happens.

    Args:
        parameters: what learns, in order of registration.
        overlap: send in the way back. False where the way back itself sends (synchronised norms): processes whose
            networks take different ways would send in different orders.
        limit: bytes of a message, if it is not a single parameter.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], *, overlap: bool = True, limit: int = MESSAGE_BYTES) -> None:
        self.parameters = list(parameters)
        self.overlap = overlap
        self._limit = limit
        self._messages: list[_Message] = []  # in the order in which they are sent
        self._expected = _Course()  # of the last way back, as all processes saw that of the step before
        self._ways = 0  # back, since the last exchange, in the iteration that ends with one
        self._arrived: set[int] = set()  # numbers of parameters, in the latest way back
        self._sends = False  # this is the last way back
        self._add_earlier: AddEarlier = lambda parameters: None  # of the latest way back

    @contextmanager
    def going_back(self, add_earlier: AddEarlier, *, step_follows: bool) -> Iterator[None]:
        """Around a way back that begins with no gradients.

        Args:
            add_earlier: called for the parameters of a message before it is sent.
            step_follows: :meth:`finish` is called in this iteration.
        """
        if get_world_size() == 1:
            yield
            return
        self._lay_out()
        for message in self._messages:
            message.stale = message.sent
        self._arrived.clear()
        self._ways += step_follows
        self._add_earlier = add_earlier
        self._sends = self.overlap and step_follows and self._ways == self._expected.ways
        if self._sends:
            for message in self._messages:
                message.awaited = set(message.numbers & self._expected.arrived)
            self._send(ready=True)
        try:
            yield
        finally:
            self._sends = False

    @torch.no_grad()
    def finish(self) -> None:
        """Let every gradient be its mean over all processes.

        A parameter that took no part in one process counts as 0 there; one that took part in none has no gradient, as
        in a single process.
        """
        if get_world_size() == 1:
            return
        self._lay_out()
        self._send(ready=False)
        used, stale, self._expected = self._agree()
        for message in self._messages:
            if message in stale:
                message.send()
        for message in self._messages:
            message.receive(used)
        self._ways = 0
        # stable, and the same everywhere: what the last way back brings nothing for goes at its beginning
        self._messages.sort(key=lambda m: (not m.numbers.isdisjoint(self._expected.arrived), m.place))

    def _lay_out(self) -> None:
        if self._messages:
            return
        numbers = {id(parameter): number for number, parameter in enumerate(self.parameters)}
        for place, group in enumerate(messages(reversed(self.parameters), self._limit)):
            message = _Message(place, group, [numbers[id(parameter)] for parameter in group])
            self._messages.append(message)
            for parameter in group:
                arrive = partial(self._arrive, message, numbers[id(parameter)])
                parameter.register_post_accumulate_grad_hook(arrive)

    def _arrive(self, message: '_Message', number: int, _: Tensor) -> None:
        """Autograd has brought the gradient of the parameter of that ``number``, which is in ``message``."""
        self._arrived.add(number)
        if not self._sends:
            return
        message.stale |= message.sent
        message.awaited.discard(number)
        if not message.awaited:
            self._send(ready=True)

    def _send(self, *, ready: bool) -> None:
        """Send what is not sent yet, in order: all, or as long as it is ``ready``."""
        for message in self._messages:
            if message.sent:
                continue
            if ready:
                if message.awaited:
                    return
                self._add_earlier(message.parameters)
            message.send()

    def _agree(self) -> tuple[set[int], list['_Message'], '_Course']:
        """What has a gradient anywhere, what has to be sent again, and how the last way back went."""
        count = len(self.parameters)
        own = bytearray(
            [
                *(parameter.grad is not None for parameter in self.parameters),
                *(number in self._arrived for number in range(count)),
                *(message.stale for message in self._messages),
                min(self._ways, 255),  # of so many terms none is awaited
            ]
        )
        found = torch.frombuffer(own, dtype=torch.uint8)  # the same memory
        with peers_needed():
            torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX)
        used, arrived, stale, ways = own[:count], own[count : 2 * count], own[2 * count : -1], own[-1]
        course = _Course(ways, frozenset(compress(range(count), arrived)))
        return set(compress(range(count), used)), list(compress(self._messages, stale)), course


class _Course(NamedTuple):
    """How the last way back of a step went."""

    ways: int = 0  # back in its iteration, the last one included; 0: not known
    arrived: frozenset[int] = frozenset()  # numbers of the parameters that it brought a gradient


class _Message:
    """Gradients that travel together.

    Args:
        place: among the messages.
        parameters: whose gradients they are.
        numbers: of these parameters.

    Attributes:
        awaited: numbers of the parameters whose gradients the running way back has still to bring.
        stale: more has come after it was sent.
    """

    def __init__(self, place: int, parameters: list[nn.Parameter], numbers: list[int]) -> None:
        self.place = place
        self.numbered = list(zip(numbers, parameters, strict=True))
        self.parameters = parameters
        self.numbers = frozenset(numbers)
        self.awaited: set[int] = set()
        self.stale = False
        self._under_way: tuple[Tensor, Callable[[], object]] | None = None

    @property
    def sent(self) -> bool:
        return self._under_way is not None

    def send(self) -> None:
        """Begin to exchange the gradients as they are, without waiting; 0 for those that are not there."""
        self._wait()
        flat = torch.cat([p.new_zeros(p.numel()) if p.grad is None else as_it_lies(p.grad) for p in self.parameters])
        with peers_needed():
            self._under_way = flat, distributed.begin_mean(flat)

    def receive(self, used: Collection[int]) -> None:
        """Wait, and give those whose numbers are ``used`` their means."""
        flat = self._wait()
        assert flat is not None
        parts = zip(self.numbered, flat.split([p.numel() for p in self.parameters]), strict=True)
        means = [(parameter, part) for (number, parameter), part in parts if number in used]
        gradients = []
        for parameter, _ in means:
            parameter.grad = torch.empty_like(parameter) if parameter.grad is None else parameter.grad
            gradients.append(as_it_lies(parameter.grad))
        if means:
            torch._foreach_copy_(gradients, [part for _, part in means])
        self.stale = False

    def _wait(self) -> Tensor | None:
        if self._under_way is None:
            return None
        flat, finish = self._under_way
        self._under_way = None
        with peers_needed():
            finish()
        return flat

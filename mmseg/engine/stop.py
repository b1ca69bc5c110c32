"""Ways in which a training run ends before its last iteration, and how the operating system asks for it."""

import os
import signal
from types import FrameType
from typing import Any, Self

from mmseg import signals


class TrainingStopped(Exception):  # noqa: N818 (an interruption is no error)
    """The run ended early; the message says why and how to go on, ``exit_code`` is the command's."""

    exit_code = 1


class NonFiniteLoss(TrainingStopped):
    """A loss was NaN or infinite: the weights are of no use from there on."""

    exit_code = 3


class NonFiniteState(NonFiniteLoss):
    """A weight, a buffer or the optimizer's state was NaN or infinite after a step whose losses were finite."""


class PeerLost(TrainingStopped):
    """Another process of the run has ended, so that this one cannot go on."""

    exit_code = 4


class ReplicasDiffer(TrainingStopped):
    """The networks of the processes of a run are no longer the same."""

    exit_code = 5


class WorkerGone(TrainingStopped):
    """A process that reads training data was killed, or could not hand on what it read."""

    exit_code = 4


class Interrupted(TrainingStopped):
    """A signal asked the run to end."""

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = signals.exit_code(signal_number)


class StopRequest:
    """While active, signals that ask the process to end are remembered in ``signal_number`` instead of ending it.

    The training loop looks at it between two iterations, where the state can be saved, and an evaluation between two
    images. A second signal acts at once, as it would have without this. Outside the main thread, where Python allows
    no handlers, nothing is caught.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._process = os.getpid()
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._previous = signals.install(self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        signals.restore(self._previous)
        self._previous = {}

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            # A forked loader worker. A signal to the whole group (Ctrl-C, a closed terminal) reaches it too, but the
            # main process still needs its data; SIGTERM comes from the main process and means what it says.
            if number == signal.SIGTERM:
                os._exit(signals.exit_code(number))
            return
        self.signal_number = number
        signals.restore(self._previous)
        self._previous = {}

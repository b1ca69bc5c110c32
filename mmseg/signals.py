"""How a process of ours ends at a signal: with one sentence, and with the exit code that a shell would give it.

Light: commands import this before torch is there.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

#: What asks a process to end: Ctrl-C, a service manager or scheduler, a terminal that closes, a scheduler's warning.
ENDING = tuple(getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1') if hasattr(signal, name))
REQUEUE = 75  # sysexits.h: a temporary failure. Schedulers that send SIGUSR1 start the job again at this code.

Handler = Callable[[int, FrameType | None], Any]


class Ended(KeyboardInterrupt):
    """A signal ends this process at once; ``number`` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(f'signal {number}')
        self.number = number


def exit_code(number: int) -> int:
    """The exit code of a process that ends at signal ``number``: 75 for SIGUSR1, else 128 + number."""
    return REQUEUE if number == getattr(signal, 'SIGUSR1', None) else 128 + number


def name_of(number: int) -> str:
    """``SIGTERM (15)``."""
    return f'{signal.Signals(number).name} ({int(number)})'


@contextmanager
def handled(handler: Handler, numbers: Sequence[int] = ENDING) -> Iterator[None]:
    """Let ``handler`` answer to ``numbers`` meanwhile. Outside the main thread, where Python allows none, do nothing.

    A SIGHUP that is ignored stays so: ``nohup`` has asked for that.
    """
    previous = install(handler, numbers)
    try:
        yield
    finally:
        restore(previous)


def install(handler: Handler, numbers: Sequence[int] = ENDING) -> dict[int, Any]:
    """As :func:`handled`, to be undone by :func:`restore` with what this returns."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    heard = [number for number in numbers if not _nohup(number)]
    return {number: signal.signal(number, handler) for number in heard}


def restore(previous: dict[int, Any]) -> None:
    """Put handlers back; those that Python did not set cannot be, and keep what they have."""
    for number, handler in previous.items():
        if handler is not None:
            signal.signal(number, handler)


def _nohup(number: int) -> bool:
    return number == getattr(signal, 'SIGHUP', None) and signal.getsignal(number) is signal.SIG_IGN


def end(number: int, _frame: FrameType | None) -> None:
    """A handler: raise :class:`Ended`, so that files are closed; the next signal does not wait for that."""
    install(_end_now)
    raise Ended(number)


def _end_now(number: int, _frame: FrameType | None) -> None:
    os._exit(exit_code(number))


def end_while_starting() -> None:
    """Let a signal during the imports of a program end it with one sentence; called before them.

    Nothing is written yet, and an exception would pass through other people's code.
    """
    install(_end_start)


def while_starting() -> AbstractContextManager[None]:
    """The same for imports in the middle of a program."""
    return handled(_end_start)


def _end_start(number: int, _frame: FrameType | None) -> None:
    os.write(2, f'stopped: {name_of(number)} ended the start; nothing was written.\n'.encode())
    os._exit(exit_code(number))


def say_ended(number: int) -> None:
    """The sentence of a process that a signal has ended at once; of several processes of a run one says it."""
    if os.environ.get('RANK', '0') == '0':
        sys.stderr.write(f'stopped: {name_of(number)} ended this at once; what was written before is whole.\n')

"""Starts runs as processes of their own, one after the other, and passes signals on to the one that runs."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

from mmseg import signals
from mmseg.parent_death import end_with_parent

PROGRAM = [str(Path(__file__).resolve().parents[1] / '__main__.py'), 'train']
# What a launcher such as torchrun tells its processes; those that we start are no part of that group.
LAUNCHER_VARIABLES = ('RANK', 'WORLD_SIZE', 'LOCAL_', 'GROUP_', 'ROLE_', 'MASTER_', 'TORCHELASTIC_')
TAIL = 2000


@dataclass(frozen=True)
class Nodes:
    """The place of this machine among those that train one run together.

    Args:
        count: machines of the run.
        index: number of this one.
        main: host name of number 0.
        port: a free port there.
        processes: on each machine.
    """

    count: int = 1
    index: int = 0
    main: str = 'localhost'
    port: int = 0
    processes: int = 1


ONE_MACHINE = Nodes()


def command_of(arguments: Sequence[str], *, nodes: Nodes = ONE_MACHINE) -> list[str]:
    """The command that starts ``mmseg train``: by itself, which starts ``n_gpus`` processes, or by torchrun."""
    script = [*PROGRAM, *arguments]
    if nodes.count == 1:
        return [sys.executable, *script]
    place = [f'--nnodes={nodes.count}', f'--node_rank={nodes.index}', f'--nproc_per_node={nodes.processes}']
    meeting = [f'--master_addr={nodes.main}', f'--master_port={nodes.port}']
    return [sys.executable, '-m', 'torch.distributed.run', *place, *meeting, *script]


class Outcome(NamedTuple):
    """How a process ended: its exit code (128 + number for a signal, as in a shell) and its last words."""

    code: int
    words: str


class Launcher:
    """Runs commands; used as a context it also catches the signals that ask to end, and passes them on.

    What is started dies with this process, so that nobody trains on when the grid was killed (Linux only).

    Args:
        own_group: keep the terminal's Ctrl-C from reaching the command as well, which would be a second signal.
        ignored: signals that the command is not to hear.

    Attributes:
        stopped_by: the signal that was caught, after which no command should be started.
    """

    def __init__(self, *, own_group: bool = True, ignored: Sequence[int] = ()) -> None:
        self.own_group = own_group
        self.ignored = ignored
        self.stopped_by: int | None = None
        self._process: subprocess.Popen | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._previous = signals.install(self._pass_on)
        return self

    def __exit__(self, *_: object) -> None:
        signals.restore(self._previous)

    def run(self, command: Sequence[str], *, inherited: int | None = None) -> Outcome:
        """Run ``command`` to its end; what it prints appears here.

        Args:
            command: program and arguments.
            inherited: descriptor that stays open as long as the command runs.
        """
        environment = {key: value for key, value in os.environ.items() if not key.startswith(LAUNCHER_VARIABLES)}
        posix: dict[str, Any] = {}
        if os.name == 'posix':
            posix['preexec_fn'] = self._before_start
            posix['process_group'] = 0 if self.own_group else None
            posix['pass_fds'] = () if inherited is None else (inherited,)
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, **posix)
        self._process = process
        if self.stopped_by is not None:  # between the last look at it and the start
            process.send_signal(self.stopped_by)
        words = _Echo(process.stderr)
        code = process.wait()
        self._process = None
        if code != 0 and self.stopped_by is not None:
            code = signals.exit_code(self.stopped_by)  # a launcher of several processes has exit codes of its own
        return Outcome(code if code >= 0 else 128 - code, words.last())

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask the running command to save its state and end, and wait until it has; callable from signal handlers."""
        self._pass_on(number, None)
        if self._process is not None:
            # Not wait(): this may be a signal handler that interrupted it, and it holds a lock.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.stopped_by = number
        if self._process is not None:
            self._process.send_signal(number)

    def _before_start(self) -> None:
        """Runs in the new process, before the command takes it over."""
        for number in self.ignored:
            signal.signal(number, signal.SIG_IGN)
        end_with_parent(signal.SIGKILL)


class _Echo:
    """Repeats what comes out of ``pipe`` on the standard error, and remembers the end of it."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._tail = ''
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def last(self) -> str:
        """The end of what was said, once all is said."""
        self._thread.join(timeout=10)  # loader workers of a killed process keep the pipe open for some seconds
        return self._tail.strip()

    def _copy(self) -> None:
        with self._pipe:
            while chunk := self._pipe.read1(4096):
                text = chunk.decode(errors='replace')
                sys.stderr.write(text)
                sys.stderr.flush()
                self._tail = (self._tail + text)[-TAIL:]

"""Commands that train beside each other, each with its share of the cores, and how long they still take.

Small networks gain little from a second thread: two trainings of one thread each use two cores better than one of two.
"""

import heapq
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mmseg.errors import InputError
from mmseg.parent_death import end_with_parent

POLL_S = 0.5
LAST_LINES = 20  # that are shown of a command that failed
ITERATION = re.compile(r' Iter \[(\d+)/(\d+)\]')


class Training:
    """A command that trains.

    Args:
        name: what a reader calls it.
        command: program and arguments.
        output: the file that gets what it prints.
        expected: seconds that it may take.
        done: iterations that an earlier process has done, which it goes on from.

    Attributes:
        iteration, of: how many iterations are done, of how many; 0 before the first line that tells.
        total: seconds that it takes, as far as one sees now.
        finished: whether it has ended well.
    """

    def __init__(self, name: str, command: Sequence[str], output: Path, expected: float, done: int = 0) -> None:
        self.name = name
        self.command = command
        self.output = output
        self.expected = expected
        self.done = done
        self.iteration, self.of = 0, 0
        self.total = expected
        self.finished = False
        self._began = 0.0
        self._process: subprocess.Popen | None = None

    def start(self, threads: int) -> None:
        """Start it with ``threads`` threads. When this process dies it saves its state and ends (Linux)."""
        environment = {'OMP_NUM_THREADS': str(threads), **os.environ}
        # A group of its own: the terminal's Ctrl-C reaches us alone, and :meth:`stop` asks it once.
        posix: dict[str, Any] = {}
        if os.name == 'posix':
            posix = {'preexec_fn': partial(end_with_parent, signal.SIGTERM), 'process_group': 0}
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open('wb') as output:
            self._process = subprocess.Popen(
                self.command, stdout=output, stderr=subprocess.STDOUT, env=environment, **posix
            )
        self._began = time.monotonic()

    def started(self) -> bool:
        """Whether :meth:`start` was called."""
        return self._process is not None

    def check(self) -> None:
        """Set ``finished`` and ``total`` if it has ended.

        Raises:
            InputError: it failed.
        """
        code = self._process.poll() if self._process else None
        if code:
            words = '\n'.join(self._lines()[-LAST_LINES:])
            raise InputError(f'{self.name} ended with exit code {code}. The end of {self.output}:\n{words}')
        if code == 0:
            self.finished, self.total = True, self.seconds()

    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self._began

    def look(self) -> bool:
        """Read how far it is; whether that is further than before."""
        seen = [found for line in self._lines() if (found := ITERATION.search(line))]
        if not seen or int(seen[-1][1]) in (self.iteration, self.done):
            return False
        self.iteration, self.of = int(seen[-1][1]), int(seen[-1][2])
        self.total = self.seconds() * (self.of - self.done) / (self.iteration - self.done)
        return True

    def stop(self) -> None:
        """Ask it to save its state and end, and wait until it has."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _lines(self) -> list[str]:
        return self.output.read_text(encoding='utf-8', errors='replace').splitlines()


def share_of_cores(lanes: int) -> int:
    """Threads of each of ``lanes`` processes that are busy at once; at least 1."""
    return max(1, (os.cpu_count() or 1) // lanes)


def train_side_by_side(
    trainings: Sequence[Training], lanes: int, tell: Callable[[], Any], ended: Callable[[Training], Any]
) -> None:
    """Run all of them, ``lanes`` at a time in the given order, each with its share of the cores.

    Args:
        trainings: what to run.
        lanes: how many may run at once.
        tell: called when one of them has gone further.
        ended: called with each that has ended well.

    Raises:
        InputError: one of them failed; the others were stopped.
    """
    threads = share_of_cores(lanes)
    waiting = list(trainings)
    running: list[Training] = []
    try:
        while waiting or running:
            while waiting and len(running) < lanes:
                running.append(waiting.pop(0))
                running[-1].start(threads)
            time.sleep(POLL_S)
            further = [training for training in running if training.look()]
            if further:
                tell()
            for training in list(running):
                training.check()
                if training.finished:
                    running.remove(training)
                    ended(training)
    finally:
        for training in running:
            training.stop()


def seconds_left(trainings: Sequence[Training], lanes: int) -> float:
    """Until the last of them has ended, if each starts as soon as there is room.

    Those that wait are believed to miss what was expected of them as the others do.
    """
    started = [training for training in trainings if training.started()]
    expected = sum(training.expected for training in started)
    slower = sum(training.total for training in started) / expected if expected else 1.0
    busy = [max(0.0, training.total - training.seconds()) for training in started if not training.finished]
    lane_free_in = busy + [0.0] * (lanes - len(busy))
    heapq.heapify(lane_free_in)
    for training in trainings:
        if not training.started():
            heapq.heappush(lane_free_in, heapq.heappop(lane_free_in) + slower * training.expected)
    return max(lane_free_in)

"""The end of processes that work for another one: with it; and how it learns that one has ended before."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from multiprocessing import connection, parent_process
from multiprocessing.process import BaseProcess

from mmseg import signals

LOOKS = 0.5
"""Seconds between two looks at the parent, where nothing wakes the watch."""

DYING = 5.0
"""Seconds that a process which is killed may take to be gone."""

DEATHS = {
    'SIGKILL': 'often for lack of memory',
    'SIGBUS': 'often for lack of space in /dev/shm (docker run --shm-size)',
}


def serve_parent() -> None:
    """Let this process end as soon as the one that started it is gone, however that ended; called by a worker.

    What a terminal sends to all its processes is the parent's to answer, which may still need this one.
    """
    for number in signals.ENDING:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
    threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()


def _watch_parent(pid: int) -> None:
    parent = parent_process()
    while os.getppid() == pid:
        # A sibling that was forked later holds the other end too: the look every now and then does not rely on it.
        if parent is None:
            time.sleep(LOOKS)
        elif connection.wait([parent.sentinel], LOOKS):
            break
    os._exit(1)


def how_one_ended(workers: Sequence[BaseProcess]) -> str | None:
    """What ended the first of ``workers`` that has ended without being asked, in words; None if all live.

    Asked after an error: what is read from a process that is just dying fails before it counts as dead.
    """
    gone = connection.wait([worker.sentinel for worker in workers], DYING)
    for worker in workers:
        if worker.sentinel in gone:
            worker.join(DYING)  # a process lets go of its files a moment before it can be waited for
        if worker.exitcode is not None:
            return f'process {worker.pid}, which {_end(worker.exitcode)}'
    return None


def _end(exit_code: int) -> str:
    if exit_code >= 0:
        return f'ended with exit code {exit_code}'
    name = signal.Signals(-exit_code).name
    hint = f': {DEATHS[name]}' if name in DEATHS else ''
    return f'was killed by {name} ({-exit_code}{hint})'

"""How many processes prepare samples where a config does not say it."""

import os

#: of a training process
MOST = 8


def default_workers(processes: object) -> int:
    """Workers of each of so many ``processes`` that train: the cores of this machine shared out, at most 8.

    Anything but a whole number above 0 counts as one process; it is refused elsewhere.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    sharing = processes if isinstance(processes, int) and processes > 0 else 1
    return max(1, min(MOST, cores // sharing))

"""Timing that a busy machine disturbs little: CPU time of this process, settings in turn (A B A B ...)."""

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

Row = dict[str, Any]


def cpu_ms(work: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> tuple[float, Any]:
    """Time that ``work`` takes, in ms, and what it returns; CPU time of this process where no other clock is given."""
    start = clock()
    outcome = work()
    return (clock() - start) * 1e3, outcome


def alternate(
    settings: Mapping[str, Callable[[int], Any]], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """ms of every setting in every round, a round being each of them once on the same number.

    CPU time, or what ``clock`` gives in seconds.

    A first round, number 0, warms up and is not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in settings}
    for number in range(rounds + 1):
        for name, work in settings.items():
            spent, _ = cpu_ms(partial(work, number), clock)
            if number:
                times[name].append(spent)
    return times


def rows_of(times: Mapping[str, list[float]], *, mean: bool) -> list[Row]:
    """A row a setting: mean or median in ms, smallest and largest, and how many times as fast as the first it is."""
    middle = statistics.fmean if mean else statistics.median
    first = middle(next(iter(times.values())))
    return [
        {
            'name': name,
            'ms': round(middle(spent), 3),
            'least': round(min(spent), 3),
            'most': round(max(spent), 3),
            'times': round(first / middle(spent), 2),
        }
        for name, spent in times.items()
    ]

"""How fast this machine trains what a config describes: a few iterations on drawn images, nothing kept."""

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import torch
from mmengine.config import Config

from mmseg.benchmark.methods import crop_side, step_of


def paces_side_by_side(configs: Sequence[Config], threads: int) -> list[float]:
    """:func:`seconds_per_iteration` of each config, all measured at once, each in a process of ``threads`` threads.

    Trainings that share a machine's memory and caches are slower than each alone.
    """
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(max(1, len(configs)), context, torch.set_num_threads, (threads,)) as pool:
        return list(pool.map(seconds_per_iteration, configs))


def seconds_per_iteration(cfg: Config, *, side: int | None = None, iterations: int = 10) -> float:
    """Seconds that one iteration takes, the median of ``iterations`` after two that are not counted.

    Args:
        cfg: a loaded config; its network starts from random weights, and draws no debug figures.
        side: of the crops, in pixels; None is the config's.
        iterations: how many are measured.

    Raises:
        InputError: the config's crops are not square.
    """
    step = step_of(cfg, side or crop_side(cfg))
    taken = []
    for number in range(iterations + 2):
        start = time.perf_counter()
        step(number)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[2:])

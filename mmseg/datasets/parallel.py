"""Work on many files in several processes, with a progress bar on a terminal."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import cv2

from mmseg.datasets.worker_end import serve_parent
from mmseg.progress import progress_bar

Item = TypeVar('Item')
Result = TypeVar('Result')

FEW = 32
"""With fewer files than this, starting processes costs more than it saves."""


def each(work: Callable[[Item], Result], items: Sequence[Item], *, nproc: int, title: str) -> Iterator[Result]:
    """``work(item)`` of every item, in order. ``work`` has to be importable by name (processes may be spawned)."""
    if nproc <= 1 or len(items) < FEW:
        yield from progress_bar(map(work, items), total=len(items), desc=title)
        return
    with multiprocessing.Pool(nproc, initializer=_start) as pool:
        yield from progress_bar(pool.imap(work, items, chunksize=4), total=len(items), desc=title)


def _start() -> None:
    serve_parent()
    single_threaded()


def single_threaded() -> None:
    """Keep OpenCV from starting threads of its own: the processes already fill the cores."""
    cv2.setNumThreads(0)

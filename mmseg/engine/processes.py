"""Several processes on this machine, started and watched by the command itself (``--gpus N``).

``torchrun`` does the same and more (several machines); a process cannot tell which of the two started it.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from mmengine import Config
from torch import distributed

from mmseg import signals
from mmseg.arithmetic import require_driver
from mmseg.engine.distributed import leave
from mmseg.engine.stop import PeerLost
from mmseg.errors import InputError, command

HOST = '127.0.0.1'
# Seconds that the others get after one process has ended, well or not: to end by themselves, then at a signal.
PATIENCE = 15.0
# Seconds for finishing an iteration and saving the state when the parent is gone.
SAVING = 60.0


def processes_wanted(cfg: Config) -> int:
    """How many processes this one has to start for a run: 1 = it trains itself, as it does under torchrun.

    Raises:
        InputError: more than there are GPUs, on a machine that has some.
    """
    count = cfg.get('n_gpus', 1)
    if count <= 1 or 'WORLD_SIZE' in os.environ:
        return 1
    require_driver('train on the CPU: --gpus 0')
    gpus = torch.cuda.device_count()
    if count > gpus > 0:
        raise InputError(f'n_gpus (--gpus) is {count}, but this machine has {gpus}. Use --gpus {gpus}.')
    if not gpus:
        print(f'No GPU here: {count} processes share the CPU (gloo).', flush=True)  # noqa: T201
    return count


def run_processes(work: Callable[..., int], count: int, *args: Any, port: int = 0, start_method: str = 'spawn') -> int:
    """Run ``work(*args)`` in ``count`` processes, which meet through torch's environment variables.

    When one fails the others are ended, and so is what is left some seconds after one has ended well: none does before
    all have finished. Signals are passed on to all, once each; when this process is killed they end too.

    Args:
        work: gives the exit code; importable by name, as its arguments have to be picklable.
        count: number of processes.
        *args: of ``work``.
        port: where the processes meet; 0 takes a free one.
        start_method: of ``multiprocessing``.

    Returns:
        the exit code: 0 if that of all is; else that of the process that failed first by itself.

    Raises:
        InputError: the port is taken.
    """
    try:
        store = distributed.TCPStore(HOST, port, is_master=True, wait_for_workers=False)
    except RuntimeError as error:
        raise InputError(f'dist_params.port={port} cannot be used: {str(error).splitlines()[0]}') from None
    context = multiprocessing.get_context(start_method)
    processes: list[BaseProcess] = [
        context.Process(target=_child, args=(rank, count, store.port, work, args))  # type: ignore[attr-defined]
        for rank in range(count)
    ]
    with _passing_on_signals(processes) as missed:
        with _blocked_signals():  # what comes while they import reaches them as soon as they can answer
            for process in processes:
                process.start()
        for number in missed:
            _send(processes, number)
        return _watch(processes)


def _child(rank: int, count: int, port: int, work: Callable[..., int], args: Sequence[Any]) -> None:
    """Be one of the processes."""
    if hasattr(os, 'setsid'):
        os.setsid()  # Ctrl-C in a terminal reaches the parent alone, which passes it on: once, not twice
    threading.Thread(target=_end_with_parent, daemon=True).start()
    multiprocessing.set_start_method(None, force=True)  # that of this process was not meant for its data workers
    if 'OMP_NUM_THREADS' not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // count))
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(count),
        LOCAL_WORLD_SIZE=str(count),
        MASTER_ADDR=HOST,
        MASTER_PORT=str(port),
        TORCHELASTIC_USE_AGENT_STORE='True',  # the parent keeps the store, as torchrun does: no race for a port
    )
    leave(command(_heard(work))(*args))


def _heard(work: Callable[..., int]) -> Callable[..., int]:
    """``work``, with the signals that waited for somebody to answer them."""

    def heard(*args: Any) -> int:
        if hasattr(signal, 'pthread_sigmask'):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.ENDING)
        return work(*args)

    return heard


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Let signals wait meanwhile, here and in the processes that are started."""
    if not hasattr(signal, 'pthread_sigmask'):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals.ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """Ask this process to stop when its parent is gone, and end it if it does not."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SAVING)
    os._exit(1)


@contextmanager
def _passing_on_signals(processes: Sequence[BaseProcess]) -> Iterator[list[int]]:
    """Pass signals on meanwhile; gives those that came before there was anybody to hear them."""
    missed: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        if any(process.pid is None for process in processes):
            missed.append(number)
        else:
            _send(processes, number)

    with signals.handled(pass_on):
        yield missed


def _send(processes: Sequence[BaseProcess], number: int) -> None:
    for process in processes:
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, number)


def _watch(processes: Sequence[BaseProcess]) -> int:
    """Wait for all; end the rest some seconds after one has ended. The exit code of the run."""
    failures: list[int] = []
    running = list(processes)
    ended: list[BaseProcess] = []  # by us
    endings = iter((BaseProcess.terminate, BaseProcess.kill))
    deadline: float | None = None
    while running:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        connection.wait([process.sentinel for process in running], patience)
        for process in [process for process in running if not process.is_alive()]:
            running.remove(process)
            deadline = deadline or time.monotonic() + PATIENCE
            if process.exitcode and (failures or process not in ended):
                failures.append(_failure(processes.index(process), process.exitcode, first=not failures))
        if running and deadline is not None and time.monotonic() >= deadline:
            end = next(endings, BaseProcess.kill)
            for process in running:
                end(process)
            ended += running
            deadline = time.monotonic() + PATIENCE
    causes = [code for code in failures if code != PeerLost.exit_code]
    return next(iter(causes + failures), 0)


def _failure(rank: int, exit_code: int, *, first: bool) -> int:
    """The exit code as a shell would give it; a process that was killed could not say so itself."""
    if exit_code >= 0:
        return exit_code
    if first:
        text = f'stopped: process {rank} was killed by signal {-exit_code} (9: often for lack of memory).'
        print(text, file=sys.stderr, flush=True)  # noqa: T201
    return 128 - exit_code

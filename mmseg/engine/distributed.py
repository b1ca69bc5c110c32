"""What several processes have to agree on. With one process nothing here does anything.

Every function is called by all processes, in the same order. There is no wrapper around the model: weights are
broadcast at the start, gradients averaged (:mod:`mmseg.engine.gradient_exchange`), and everything else that must not
differ is decided together.

On GPUs tensors travel by NCCL; numbers and objects of the host by gloo, so that no agreement waits for the device.
"""

import atexit
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import torch
from mmengine.dist import get_rank, get_world_size, is_main_process
from torch import Tensor, distributed, nn

from mmseg.engine.stop import PeerLost
from mmseg.errors import InputError, RepeatedError

Result = TypeVar('Result')
AnyTensor = TypeVar('AnyTensor', bound=Tensor)

#: bytes of a message: while one travels, the next is packed
MESSAGE_BYTES = 25 * 2**20
# How long one process may keep the others waiting: the first counts the classes of a whole data set, if need be.
TIMEOUT = timedelta(hours=1)


def join_processes(backend: str = 'nccl') -> None:
    """Meet the other processes, if torchrun (or ``--gpus``) started several and they have not met yet.

    Args:
        backend: ``dist_params.backend`` of the config; what exchanges tensors on GPUs. On CPUs gloo does.

    Raises:
        InputError: this process has no GPU of its own on a machine that has some.
    """
    if int(os.environ.get('WORLD_SIZE', '1')) == 1 or distributed.is_initialized():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(_own_gpu(int(os.environ.get('LOCAL_RANK', '0'))))
        backend = 'cpu:gloo,cuda:nccl' if backend == 'nccl' else backend
    else:
        backend = 'gloo'
    os.environ.setdefault('MKL_NUM_THREADS', os.environ.setdefault('OMP_NUM_THREADS', '1'))
    distributed.init_process_group(backend, timeout=TIMEOUT)


def leave(code: int) -> NoReturn:
    """End this process with ``code``; where it met others, without taking the group apart.

    Destroying a gloo group waits for its threads, and they may wait for this one: a message that they are done with
    can belong to Python, whose lock is held meanwhile. So the processes wait for each other's last message, do what is
    to be done at an end, and end.
    """
    if not distributed.is_initialized():
        sys.exit(code)
    if code == 0:
        with suppress(PeerLost):  # of one that has ended already
            largest(0)
    atexit._run_exitfuncs()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a reader that is gone
            stream.flush()
    os._exit(code)


def _own_gpu(number: int) -> int:
    count = torch.cuda.device_count()
    if number >= count:
        raise InputError(
            f'Process {number} of this machine has no GPU of its own: there are {count}. '
            f'Start no more than that: torchrun --nproc_per_node {count}, or --gpus {count}.'
        )
    return number


def on_main(work: Callable[[], Result]) -> Result:
    """What ``work()`` returns in the first process, given to all; the others wait for it.

    Raises:
        InputError: as raised by ``work``; in the other processes a :class:`RepeatedError`, which nobody prints.
        PeerLost: in the other processes, whatever else ``work`` raised.
    """
    if get_world_size() == 1:
        return work()
    box: list[Any] = [None, None]
    if is_main_process():
        try:
            box[0] = work()
        except BaseException as error:
            box[1] = _described(error)
            raise
        finally:
            _share(box)
    else:
        _share(box)
        _raise_elsewhere(box[1])
    return box[0]


def main_first(work: Callable[[], Result]) -> Result:
    """``work()`` of every process, the first one's before the others': it finds prepared what it would prepare.

    If it fails anywhere it fails everywhere, and only one process says why; raises as :func:`on_main`.
    """
    if get_world_size() == 1:
        return work()
    results: list[Result] = []
    on_main(lambda: results.append(work()))
    error: Exception | None = None
    if not is_main_process():
        try:
            results.append(work())
        except Exception as caught:  # whatever it is, the others have to hear of it
            error = caught
    failures = gather(None if error is None else _described(error))
    speaker = next((rank for rank, failure in enumerate(failures) if failure), None)
    if error is not None and speaker == get_rank():
        raise error
    if speaker is not None:
        _raise_elsewhere(failures[speaker])
    return results[0]


def _described(error: BaseException) -> tuple[bool, str]:
    """Whether the user can mend it, and what it says."""
    return isinstance(error, InputError), str(error)


def _raise_elsewhere(failure: tuple[bool, str] | None) -> None:
    """Raise what another process has failed with, if it has."""
    if failure is None:
        return
    of_user, text = failure
    if of_user:
        raise RepeatedError(text)
    raise PeerLost(f'Another process of this run failed: {text}')


def gather(value: Result) -> list[Result]:
    """The ``value`` of every process, by rank, in all of them; for small objects."""
    if get_world_size() == 1:
        return [value]
    values: list[Any] = [None] * get_world_size()
    with peers_needed():
        distributed.all_gather_object(values, value)
    return values


def gather_on_main(value: Result) -> list[Result]:
    """The ``value`` of every process, by rank, in the first one; an empty list in the others. Tensors on the CPU."""
    if get_world_size() == 1:
        return [value]
    values: list[Any] = [None] * get_world_size() if is_main_process() else []
    with peers_needed():
        distributed.gather_object(value, values or None)
    return values


def largest(number: int) -> int:
    """The largest ``number`` of all processes."""
    if get_world_size() == 1:
        return number
    numbers = torch.tensor([number])
    with peers_needed():
        distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
    return int(numbers)


def mean_values(values: Mapping[str, float]) -> dict[str, float]:
    """Each value's mean over the processes that have one of its name."""
    columns = defaultdict(list)
    for row in gather(dict(values)):
        for name, value in row.items():
            columns[name].append(value)
    return {name: sum(column) / len(column) for name, column in columns.items()}


@torch.no_grad()
def broadcast_module(module: nn.Module) -> None:
    """Give every process the parameters and buffers of the first one."""
    _broadcast([*module.parameters(), *module.buffers()])


@torch.no_grad()
def broadcast_buffers(module: nn.Module) -> None:
    """Give every process the buffers of the first one: statistics of batch norms, of which each has its own."""
    _broadcast(list(module.buffers()))


def begin_mean(message: Tensor) -> Callable[[], object]:
    """Begin to replace ``message`` by its mean over all processes; what is returned waits for it."""
    if message.is_cuda and 'cuda:nccl' in distributed.get_backend_config():
        return _begun(distributed.all_reduce(message, distributed.ReduceOp.AVG, async_op=True))
    wait = _begun(distributed.all_reduce(message, async_op=True))

    def finish() -> None:
        wait()
        message.div_(get_world_size())  # gloo knows no mean

    return finish


def _begun(work: distributed.Work | None) -> Callable[[], object]:
    assert work is not None  # there are other processes
    return work.wait


@torch.no_grad()
def differences(named: Iterable[tuple[str, Tensor]]) -> list[list[str]]:
    """By rank, the names of the tensors that are not, bit for bit, those of the first process."""
    names, flags = [], []
    for name, tensor in named:
        own = tensor.detach().reshape(-1).contiguous().view(torch.uint8)
        theirs = own.clone()
        with peers_needed():
            distributed.broadcast(theirs, 0)
        names.append(name)
        flags.append((own != theirs).any())
    differ = torch.stack(flags).tolist() if flags else []
    return gather([name for name, flag in zip(names, differ, strict=True) if flag])


def _broadcast(tensors: Sequence[Tensor]) -> None:
    """Let all ``tensors`` be those of the first process."""
    if get_world_size() == 1:
        return
    under_way = []
    for group in messages(tensors):
        flat = torch.cat([as_it_lies(tensor) for tensor in group])
        with peers_needed():
            sent = distributed.broadcast(flat.view(torch.uint8) if flat.dtype is torch.bool else flat, 0, async_op=True)
        under_way.append((group, flat, _begun(sent)))
    for group, flat, finish in under_way:
        with peers_needed():
            finish()
        parts = flat.split([tensor.numel() for tensor in group])
        torch._foreach_copy_([as_it_lies(tensor) for tensor in group], list(parts))


def messages(tensors: Iterable[AnyTensor], limit: int = MESSAGE_BYTES) -> list[list[AnyTensor]]:
    """The ``tensors`` by their types, in order, in groups of at most ``limit`` bytes (or of a single larger one)."""
    groups: list[list[AnyTensor]] = []
    sizes: dict[torch.dtype, int] = {}
    last: dict[torch.dtype, list[AnyTensor]] = {}
    for tensor in tensors:
        size = sizes.get(tensor.dtype, limit) + tensor.nbytes
        if size > limit:
            last[tensor.dtype], size = [], tensor.nbytes
            groups.append(last[tensor.dtype])
        last[tensor.dtype].append(tensor)
        sizes[tensor.dtype] = size
    return groups


def as_it_lies(tensor: Tensor) -> Tensor:
    """All numbers of a ``tensor`` without gaps in the order of memory: a view (numel,), whatever its layout is."""
    if tensor.is_contiguous():  # as nearly all are: twice as fast
        return tensor.view(-1)
    return tensor.permute(sorted(range(tensor.dim()), key=tensor.stride, reverse=True)).view(-1)


def _share(box: list[Any]) -> None:
    with peers_needed():
        distributed.broadcast_object_list(box, 0)


@contextmanager
def peers_needed() -> Iterator[None]:
    """Say in our words that a message could not be exchanged."""
    try:
        yield
    except RuntimeError as error:  # torch's DistError is one
        reason = str(error).partition('. ')[0].splitlines()[0]
        raise PeerLost(f'Another process of this run has ended; its own message says why ({reason}).') from error

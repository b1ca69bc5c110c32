"""Memory of a pass through a network, counted from shapes: nothing is computed."""

import contextlib
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.utils import stateless
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class PeakMemory(TorchDispatchMode):
    """The largest sum of the sizes of all tensors alive at a time that operators returned under this mode.

    Attributes:
        peak: in bytes. Workspaces of kernels and what an allocator leaves unused come on top on a real device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._alive: dict[int, weakref.ref] = {}

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self._hold(value.untyped_storage())
        return result

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._alive:
            return

        def free(_: weakref.ref) -> None:
            del self._alive[key]
            self.now -= size

        self._alive[key] = weakref.ref(storage, free)
        self.now += size
        self.peak = max(self.peak, self.now)


def graph_bytes(segmentor: Any, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> int:
    """Bytes that the graph of the losses of one batch holds, between the way there and the way back.

    Args:
        segmentor: with ``forward_train``, in train mode, on the device where it will run.
        shape: of the images, (B, 3, H, W).
        dtype: what it computes in (autocast).
    """
    device = next(segmentor.parameters()).device
    batch, _, height, width = shape
    eager = torch.compiler.set_stance('force_eager') if 'torch._dynamo' in sys.modules else contextlib.nullcontext()
    precision = torch.autocast(device.type, dtype, enabled=dtype is not torch.float32)
    with eager, FakeTensorMode() as mode:
        named = chain(segmentor.named_parameters(), segmentor.named_buffers())
        fake: dict[str, Tensor] = {name: _fake(mode, tensor) for name, tensor in named}
        images = torch.zeros(batch, 3, height, width, device=device)
        label = torch.zeros(batch, 1, height, width, dtype=torch.long, device=device)
        with stateless._reparametrize_module(segmentor, fake), PeakMemory() as memory, precision:
            losses = segmentor.forward_train(images, label, torch.ones(batch, height, width, device=device))
            held = memory.now
            del losses
    return held


def _fake(mode: FakeTensorMode, tensor: Tensor) -> Tensor:
    fake = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device)
    return nn.Parameter(fake, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else fake

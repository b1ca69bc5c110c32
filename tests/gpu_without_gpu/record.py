"""What operations on fake CUDA tensors would launch, move, hold and wait for: a model of a GPU, not a measurement."""

import math
import weakref
from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mmseg.engine.layout import layout_of

#: operations without a kernel: views, questions, and memory that is only taken
FREE = {
    'view', '_unsafe_view', 'transpose', 't', 'permute', 'expand', 'slice', 'select', 'unsqueeze', 'squeeze', 'detach',
    'alias', 'as_strided', 'split', 'split_with_sizes', 'unbind', 'lift_fresh', 'empty', 'empty_like', 'new_empty',
    'empty_strided', 'new_empty_strided', '_reshape_alias', 'unfold', 'diagonal', 'is_same_size', 'set_', 'chunk',
    'resize_', 'sym_size', 'view_as_real', 'device',
}  # fmt: skip
#: operations whose result, or its shape, the host has to read
READS = {
    '_local_scalar_dense', 'nonzero', 'masked_select', '_unique2', 'unique_dim', 'unique_consecutive', 'bincount',
    'equal', 'is_nonzero',
}  # fmt: skip
#: tensors that one launch of a foreach kernel takes, by the number of lists; blocks of 65536 numbers likewise
TENSORS, BLOCKS = {1: 110, 2: 64, 3: 48, 4: 36}, 320
ALLOCATED = 512  # bytes: what an allocator rounds up to


class Record(TorchDispatchMode):
    """Counts while it is active; ``clear`` starts anew with what is held."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._held: dict[int, weakref.ref] = {}
        self.clear()

    def clear(self) -> None:
        self.launches = self.casts = self.bytes = self.flop = 0
        self.waits: Counter[str] = Counter()
        self.operations: Counter[str] = Counter()
        self.peak = self.now

    def result(self) -> dict[str, Any]:
        return {
            'launches': self.launches,
            'casts': self.casts,
            'GB': self.bytes / 1e9,
            'TFLOP': self.flop / 1e12,
            'peak GB': self.peak / 1e9,
            'waits': dict(self.waits),
        }

    def hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, -(-storage.nbytes() // ALLOCATED) * ALLOCATED
        if key in self._held:
            return

        def free(_: weakref.ref) -> None:
            del self._held[key]
            self.now -= size

        self._held[key] = weakref.ref(storage, free)
        self.now += size
        self.peak = max(self.peak, self.now)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = func._schema.name.split('::')[1]
        given, made = ([x for x in tree_leaves(tree) if isinstance(x, Tensor)] for tree in ((args, kwargs), out))
        if not any(x.is_cuda for x in (*given, *made)):
            return out
        for tensor in made:
            if tensor.is_cuda:
                self.hold(tensor)
        self._note_waiting(name, args, kwargs, given, made)
        if name not in FREE and any(x.numel() for x in (made or given)):
            self.operations[name] += 1
            self.casts += name == '_to_copy'
            launches, moved = cost(name, args, given, made)
            self.launches += launches
            self.bytes += moved
            self.flop += flop(name, args, out)
        return out

    def _note_waiting(self, name: str, args: tuple, kwargs: dict, given: list[Tensor], made: list[Tensor]) -> None:
        masks = name in ('index', 'index_put', 'index_put_') and any(
            x.dtype in (torch.bool, torch.uint8) for x in tree_leaves(args[1]) if isinstance(x, Tensor)
        )
        if name in READS or masks:
            self.waits[name] += 1
        if name in ('_to_copy', 'copy_'):
            source, target = (given[0], made[0]) if name == '_to_copy' else (args[1], args[0])
            free = kwargs.get('non_blocking') or (name == 'copy_' and len(args) > 2 and args[2])
            if source.device.type != target.device.type and not free:
                self.waits[f'{source.device.type} to {target.device.type}'] += 1


def size_of(tensors: Any) -> int:
    return sum(x.numel() * x.element_size() for x in tensors)


def cost(name: str, args: tuple, given: list[Tensor], made: list[Tensor]) -> tuple[int, int]:
    """(kernels, bytes read and written) of an operation on a GPU."""
    moved = size_of(given) + size_of(made)
    if name.startswith(('_foreach', '_fused_adam')):
        return foreach_cost(name, args)
    if name == 'convolution':  # cuDNN adds the bias by itself, and wants images and weights in the same layout
        turned, bias = turned_for_convolution(*args[:2]), args[2] is not None
        return 1 + bias + len(turned), moved + 2 * bias * size_of(made) + 2 * size_of(turned)
    if name == 'convolution_backward':
        gradient, x, weight, wanted = args[0], args[1], args[2], args[-1]
        one = size_of([gradient, x, weight])
        return sum(map(bool, wanted)), (wanted[0] + wanted[1]) * one + wanted[2] * size_of([gradient])
    if 'batch_norm' in name:
        return 3, moved + size_of(made[:1])
    if 'attention_backward' in name or name == 'sort':
        return 3, moved
    return (2 if name == 'native_layer_norm_backward' else 1), moved


def turned_for_convolution(*operands: Tensor) -> list[Tensor]:
    """Those of images and weights that are copied to lie in memory as the others: channels last, where one does."""
    last = torch.channels_last
    if not any(x.is_contiguous(memory_format=last) and not x.is_contiguous() for x in operands):
        return []
    return [x for x in operands if not x.is_contiguous(memory_format=last)]


def foreach_cost(name: str, args: tuple) -> tuple[int, int]:
    lists = [x for x in args if isinstance(x, list | tuple) and x and isinstance(x[0], Tensor)]
    alike = [x for x in lists if len(x) == len(lists[0]) and x[0].dim()]
    if any(layout_of(x) != layout_of(tensors[0]) for tensors in zip(*alike, strict=True) for x in tensors):
        assert not name.startswith('_fused_adam'), 'the fused update takes tensors of one layout only'
        return len(lists[0]), sum(map(size_of, lists)) + size_of(lists[0])  # one after another
    depth = 4 if name.startswith('_fused_adam') else len([x for x in lists if len(x) > 1 or x[0].numel() > 1])
    limit, launches, tensors, blocks = TENSORS[min(max(depth, 1), 4)], 1, 0, 0
    for tensor in lists[0]:
        tensors += 1
        if tensors > limit:
            launches, tensors, blocks = launches + 1, 1, 0
        left = -(-tensor.numel() // 65536)
        filled, blocks = divmod(blocks + left, BLOCKS)
        launches += filled
    written = 3 if name.startswith('_fused_adam') else 1
    return launches, sum(map(size_of, lists)) + written * size_of(lists[0])


def flop(name: str, args: tuple, out: Any) -> int:
    """Floating-point operations of products, convolutions and attention."""
    if name in ('mm', 'bmm'):
        return 2 * math.prod(args[0].shape) * args[1].shape[-1]
    if name in ('addmm', 'baddbmm'):
        return 2 * math.prod(args[1].shape) * args[2].shape[-1]
    if name == 'convolution':
        return 2 * out.numel() * math.prod(args[1].shape[1:])
    if name == 'convolution_backward':
        return 2 * args[0].numel() * math.prod(args[2].shape[1:]) * (args[-1][0] + args[-1][1])
    if 'scaled_dot_product' in name:
        query, key = args[1:3] if 'backward' in name else args[:2]
        products = 5 if 'backward' in name else 2
        return 2 * products * math.prod(query.shape) * key.shape[2]
    return 0

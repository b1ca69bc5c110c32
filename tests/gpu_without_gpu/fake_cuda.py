"""CUDA without a GPU: modules and batches of fake tensors, and what the driver and the host would answer."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.nn import functional as F

from mmseg.models.segmentors import label_maps
from mmseg.models.uda.strong_augment import StrongAugment

CUDA = torch.device('cuda')
MEMORY = 80 * 10**9  # bytes of the card
#: attention calls by the kernel that an H100 would take
attention: Counter[str] = Counter()


@contextmanager
def fake_gpu() -> Iterator[FakeTensorMode]:
    """Within, a GPU seems to be there; tensors on it are to be made in the mode that this gives."""
    FakeTensorMode.avoid_device_init = property(lambda _: True)  # type: ignore[method-assign,assignment]
    torch._C._ensureCUDADeviceGuardSet()
    card = SimpleNamespace(total_memory=MEMORY, major=9, minor=0, name='fake', multi_processor_count=132)
    answers = {
        'is_available': True, 'device_count': 1, 'current_device': 0, 'get_device_properties': card,
        'get_device_name': 'fake', 'get_device_capability': (9, 0), 'is_bf16_supported': True, 'is_initialized': True,
        'synchronize': None, 'memory_allocated': 0, 'memory_reserved': 0, 'max_memory_allocated': 0,
        'manual_seed_all': None, 'manual_seed': None, 'mem_get_info': (MEMORY, MEMORY),
    }  # fmt: skip
    with ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(patch.object(torch.cuda, name, lambda *_, answer=answer, **__: answer))
        # What decides how much is launched is drawn, and computed, on the host.
        stack.enter_context(patch.object(StrongAugment, 'draw', on_host(StrongAugment.draw)))
        stack.enter_context(patch.object(label_maps, '_places', on_host(label_maps._places)))
        stack.enter_context(patch.object(F, 'scaled_dot_product_attention', attention_of_a_gpu))
        yield FakeTensorMode(allow_non_fake_inputs=True)


def on_host(function: Callable) -> Callable:
    """``function``, outside of fake mode."""

    def run(*args: Any, **kwargs: Any) -> Any:
        with unset_fake_temporarily():
            return function(*args, **kwargs)

    return run


def attention_of_a_gpu(  # noqa: PLR0917 (torch's signature)
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """The choice among kernels asks the driver; this is what an H100 takes: flash in half, efficient in fp32.

    Flash takes keys and values of one width and no mask; efficient takes widths that fill its products of matrices;
    what is left to "math" holds all scores.
    """
    aten = torch.ops.aten
    if torch.is_autocast_enabled('cuda'):
        half = torch.get_autocast_dtype('cuda')
        query, key, value = (x.to(half) for x in (query, key, value))
        if attn_mask is not None and attn_mask.dtype != torch.bool:
            attn_mask = attn_mask.to(half)
    width, half = query.shape[-1], query.dtype != torch.float32
    if query.dim() == 4 and half and attn_mask is None and width == value.shape[-1] <= 256:
        attention['flash'] += 1
        missing = -width % 8  # what torch adds and takes away again
        query, key, value = (F.pad(x, (0, missing)) if missing else x for x in (query, key, value))
        flash = aten._scaled_dot_product_flash_attention
        scale = scale or width**-0.5
        return flash(query, key, value, dropout_p, is_causal, False, scale=scale)[0][..., :width]
    unit = 8 if half else 4
    if query.dim() != 4 or width % unit or value.shape[-1] % unit:
        attention['math'] += 1
        math = aten._scaled_dot_product_attention_math
        return math(query, key, value, attn_mask, dropout_p, is_causal, scale=scale)[0]
    attention['efficient'] += 1
    if attn_mask is not None:
        attn_mask = attn_mask.expand(*query.shape[:3], key.shape[2])
    graph = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
    efficient = aten._scaled_dot_product_efficient_attention
    return efficient(query, key, value, attn_mask, graph, dropout_p, is_causal, scale=scale)[0]


def to_fake_gpu(module: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """Replace every parameter and buffer by a fake one on the GPU, a shared one by one."""
    fakes: dict[int, Tensor] = {}

    def fake(tensor: Tensor) -> Tensor:
        if id(tensor) not in fakes:
            with mode:
                new = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=CUDA)
            learns = tensor.requires_grad
            fakes[id(tensor)] = nn.Parameter(new, requires_grad=learns) if isinstance(tensor, nn.Parameter) else new
        return fakes[id(tensor)]

    for part in module.modules():
        for store in (part._parameters, part._buffers):
            store.update({name: fake(x) for name, x in store.items() if x is not None})  # type: ignore[arg-type]
    return module

"""What torch's compiler makes of an encoder for a GPU, counted: kernels are written down, and neither built nor run."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._dynamo import utils as dynamo_utils
from torch._dynamo.device_interface import CudaInterface
from torch._functorch.aot_autograd import aot_module
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch._inductor import compile_fx
from torch._inductor.async_compile import AsyncCompile
from torch._inductor.debug import DebugContext
from torch._inductor.decomposition import select_decomp_table
from torch._inductor.fx_passes.joint_graph import joint_graph_passes
from torch._inductor.graph import GraphLowering
from torch._inductor.virtualized import V
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _triton

#: of an H100, for whoever plans kernels
CARD = SimpleNamespace(
    total_memory=80 * 10**9, major=9, minor=0, name='fake', multi_processor_count=132, regs_per_multiprocessor=65536,
    warp_size=32, max_threads_per_multi_processor=2048, max_threads_per_block=1024, shared_memory_per_block=49152,
    shared_memory_per_block_optin=232448, shared_memory_per_multiprocessor=233472, L2_cache_size=52428800,
)  # fmt: skip
CALL = re.compile(r'\.run\(|extern_kernels\.\w+\(|torch\.ops\.aten\.\w+')


@contextmanager
def without_driver() -> Iterator[None]:
    """Within, the compiler writes for a card that is not there, and hands nothing to Triton."""
    answers: list[tuple[Any, str, Any]] = [
        (CudaInterface, 'get_device_properties', staticmethod(lambda *_, **__: CARD)),
        (CudaInterface.Worker, 'get_device_properties', staticmethod(lambda *_, **__: CARD)),
        (CudaInterface, 'get_compute_capability', staticmethod(lambda *_, **__: 90)),
        (CudaInterface, 'current_device', staticmethod(lambda: 0)),
        (CudaInterface.Worker, 'current_device', staticmethod(lambda: 0)),
        (torch.cuda, 'get_rng_state', lambda *_: torch.zeros(16, dtype=torch.uint8)),
        (torch.cuda, 'set_rng_state', lambda *_, **__: None),
        (dynamo_utils, 'assert_no_fake_params_or_buffers', lambda _: None),
        (_triton, 'triton_hash_with_backend', lambda: 'none'),
        (AsyncCompile, 'triton', lambda *_, **__: None),
        (torch.compiler, 'is_compiling', lambda: True),
    ]
    with ExitStack() as stack:
        for place, name, answer in answers:
            stack.enter_context(patch.object(place, name, answer))
        yield


def launches_of(encoder: nn.Module, img: Tensor, mode: FakeTensorMode) -> dict[str, int]:
    """Launches of the compiled ``encoder`` for the fake images ``img``: 'forward', and 'backward' where it learns."""
    found: dict[str, int] = {}

    def compiler(name: str) -> Callable:
        def count(graph: Any, inputs: Any) -> Any:
            found[name] = launches_in(written(graph, inputs, mode, name=name, learns=learns))
            return graph

        return count

    def partition(graph: Any, inputs: Any, **settings: Any) -> Any:
        with V.set_fake_mode(mode):
            joint_graph_passes(graph)
        return min_cut_rematerialization_partition(graph, inputs, compiler='inductor', **settings)

    learns = any(parameter.requires_grad for parameter in encoder.parameters())
    with without_driver(), mode:
        compiled = aot_module(
            encoder,
            fw_compiler=compiler('forward'),
            bw_compiler=compiler('backward'),
            partition_fn=partition,
            decompositions=select_decomp_table(),
        )
        stages = compiled(img)
        if learns:
            torch.stack([stage.sum() for stage in stages]).sum().backward()
    return found


def written(graph: Any, inputs: Any, mode: FakeTensorMode, *, name: str, learns: bool) -> str:
    """The program that calls the kernels."""
    with V.set_fake_mode(mode):
        compile_fx._recursive_post_grad_passes(graph, is_inference=not learns)
        lowered = GraphLowering(graph, example_inputs=inputs, is_inference=not learns, is_backward=name == 'backward')
        with V.set_graph_handler(lowered), V.set_debug_handler(DebugContext()):
            lowered.run(*inputs)
            code, _ = lowered.codegen()
    return code.value[code.value.index('def call(') :]


def launches_in(program: str) -> int:
    """Launches of its calls: of Triton's kernels, and of torch's where the compiler has none of its own."""
    total = 0
    for line in program.splitlines():
        if 'assert' not in line and CALL.search(line):
            ways_back = re.search(r'convolution_backward.*\[(\w+, \w+, \w+)\]', line)
            total += ways_back[1].count('True') if ways_back else 3 if 'attention_backward' in line else 1
    return total

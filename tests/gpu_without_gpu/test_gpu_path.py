"""The GPU path on fake CUDA tensors: families go forward and back, nothing waits, the final config keeps a budget."""

import json

import pytest
import torch

from tests.gpu_without_gpu.cases import all_cases, small_cases
from tests.gpu_without_gpu.fake_cuda import fake_gpu, to_fake_gpu
from tests.gpu_without_gpu.record import Record
from tests.gpu_without_gpu.shim import build_shim, reason_without, run

#: the newest torch: others launch and hold something else
COUNTED_WITH = (2, 14)
#: Counted for a step of the final config at batch 2; 5 % of room. Raise a number only with what the launches buy.
#: Counted anew by `python -m tests.gpu_without_gpu.run final bf16 fuse 2`.
BUDGET = {
    ('fp32', 'fuse'): {'launches': 5055, 'casts': 12, 'GB': 106.8, 'peak GB': 10.88},
    ('bf16', 'fuse'): {'launches': 5608, 'casts': 523, 'GB': 73.0, 'peak GB': 7.81},
    ('fp32', 'split'): {'launches': 7816, 'casts': 13, 'GB': 108.7, 'peak GB': 6.75},
    ('bf16', 'split'): {'launches': 8622, 'casts': 749, 'GB': 75.9, 'peak GB': 5.50},
}
#: launches of a step in fp32, fused: where encoders launch nothing, and where the compiler has written their kernels
BESIDE_ENCODERS, COMPILED = 594, 5240
NEEDS_SHIM = pytest.mark.skipif(reason_without() is not None, reason=str(reason_without()))
VERSION = tuple(map(int, torch.__version__.split('.')[:2]))
pytestmark = pytest.mark.skipif(
    not hasattr(torch._C, '_ensureCUDADeviceGuardSet'), reason=f'torch {torch.__version__} has no fake CUDA tensors'
)
NEWEST = pytest.mark.skipif(VERSION != COUNTED_WITH, reason=f'counted with torch {COUNTED_WITH}, not {VERSION}')


@pytest.fixture(scope='module')
def library(tmp_path_factory):
    return build_shim(tmp_path_factory.mktemp('shim'))


def assert_steps(found: dict) -> None:
    """Every case ran, on the GPU, without waiting, in fused attention, with losses in full precision."""
    expected = {'waits': {}, 'math attention': 0, 'elsewhere': [], 'types': ['torch.float32']}
    wrong = {name: result for name, result in found.items() if result | expected != result}
    assert not wrong, json.dumps(wrong, indent=1)
    assert {result['record'] for result in found.values()} <= {'cuda', None}


@NEEDS_SHIM
@pytest.mark.parametrize('part', [0, pytest.param(1, marks=pytest.mark.slow)])
def test_steps_of_every_family_run_on_a_gpu_without_waiting_for_it(library, part):
    found = run(library, 'steps', 'small', str(part), '2')
    assert len(found) == len(small_cases()[part::2])
    assert_steps(found)


@pytest.mark.exhaustive
@NEEDS_SHIM
@pytest.mark.parametrize('part', range(8))
def test_steps_of_every_combination_run_on_a_gpu_without_waiting_for_it(library, part):
    found = run(library, 'steps', 'all', str(part), '8')
    assert len(found) == len(all_cases()[part::8])
    assert_steps(found)


@NEEDS_SHIM
def test_evaluation_demo_and_resume_run_on_a_gpu_and_only_the_demos_answer_is_waited_for(library):
    found = run(library, 'around')
    assert len(found) == 7
    assert found.pop('demo') == {'waits': {'cuda to cpu': 1}, 'shape': [130, 260]}
    resumed = found.pop('resume')
    assert resumed == {'waits': {}, 'steps': 8, 'devices': ['cuda:0']}
    for name, result in found.items():
        assert result == {'waits': {}, 'shapes': [[130, 260]] * 2, 'elsewhere': False}, name


def assert_within_budget(library, precision: str, fuse: str) -> None:
    found = run(library, 'final', precision, fuse, '2')
    budget = BUDGET[precision, fuse]
    over = {name: (found[name], limit) for name, limit in budget.items() if found[name] > 1.05 * limit}
    assert not over
    assert found['waits'] == {}
    assert found['math attention'] == 0


@pytest.mark.slow
@NEWEST
@NEEDS_SHIM
def test_a_step_of_the_final_config_launches_casts_moves_and_holds_no_more_than_counted(library):
    assert_within_budget(library, 'bf16', 'fuse')


@pytest.mark.exhaustive
@NEWEST
@NEEDS_SHIM
@pytest.mark.parametrize(('precision', 'fuse'), [key for key in BUDGET if key != ('bf16', 'fuse')])
def test_so_it_does_in_full_precision_and_unfused(library, precision, fuse):
    assert_within_budget(library, precision, fuse)


@pytest.mark.slow
@NEWEST
@NEEDS_SHIM
def test_beside_its_encoders_a_step_launches_no_more_than_counted(library):
    assert run(library, 'final', 'fp32', 'fuse', '2', 'opaque')['launches'] <= 1.05 * BESIDE_ENCODERS


@pytest.mark.exhaustive
@NEWEST
@NEEDS_SHIM
def test_a_step_of_compiled_encoders_launches_no_more_than_counted(library):
    found = run(library, 'compiled', 'fp32', 'fuse', '2')
    assert found['replayed'] <= BESIDE_ENCODERS * 1.05 + 11
    assert found['compiled'] <= 1.05 * COMPILED


@pytest.mark.parametrize('case', small_cases()[:2], ids=lambda case: case.name)
def test_the_way_there_needs_no_shim(case):
    with fake_gpu() as mode:
        model = to_fake_gpu(case.build(), mode)
        network = model.model
        with mode, torch.no_grad(), Record() as record:
            found = network.encode_decode(torch.empty(1, 3, 64, 64, device='cuda'))
    assert (found.device.type, tuple(found.shape)) == ('cuda', (1, 5, 64, 64))
    assert record.launches > 50
    assert not record.waits


def test_a_reading_a_blocking_copy_and_a_boolean_index_are_seen():
    with fake_gpu() as mode, mode, Record() as record:
        x = torch.zeros(4, device='cuda')
        x.to('cpu')
        torch.zeros(4).to('cuda', non_blocking=True)
        x[x > 0] = 1
    assert record.waits == {'cuda to cpu': 1, 'index_put_': 1}

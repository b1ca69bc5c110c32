import pytest
import torch

from mmseg.engine.checkpoints.checkpoint_io import tensors_of
from mmseg.models.finite import not_finite

NAN, INF = float('nan'), float('inf')


def test_tensors_with_a_nan_or_an_infinity_are_named_in_their_order():
    named = {
        'fine': torch.tensor([1.0, -2.0]),
        'b': torch.tensor([[0.0, NAN]]),
        'a': torch.tensor([1.0, -INF, INF]),
        'half': torch.tensor([1.0, INF], dtype=torch.bfloat16),
        'count': torch.tensor([3]),
        'none': torch.zeros(0, 4),
        'scalar': torch.tensor(NAN, dtype=torch.float64),
    }
    assert not_finite(named.items()) == ['b', 'a', 'half', 'scalar']
    assert not_finite({'count': torch.tensor(1)}.items()) == []


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
def test_a_sum_that_overflows_is_no_infinity_of_a_tensor(dtype):
    large = torch.full((4,), torch.finfo(dtype).max, dtype=dtype)
    assert not_finite([('large', large)]) == []


def checkpoint(**optimizer):
    return {'state_dict': {'weight': torch.ones(1)}, 'optimizer': optimizer}


def test_the_state_of_the_optimizer_and_waiting_gradients_are_part_of_a_checkpoint():
    moments = {0: {'step': torch.tensor(3.0), 'exp_avg_sq': torch.tensor([INF])}}
    assert not_finite(tensors_of(checkpoint(state=moments))) == ['optimizer exp_avg_sq of parameter 0']
    waiting = [None, torch.tensor([NAN])]
    assert not_finite(tensors_of(checkpoint(gradients=waiting))) == ['waiting gradient of parameter 1']


def test_gradients_that_overflow_under_loss_scaling_are_left_to_the_scaler():
    assert not_finite(tensors_of(checkpoint(gradients=[torch.tensor([INF])], loss_scaler={'scale': 65536.0}))) == []

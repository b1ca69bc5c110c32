"""No iteration reads a value from the device: on a GPU each reading would wait for all that is queued."""

import pytest
import torch
from torch import Tensor

from mmseg.engine.optim import StudentOptimWrapper
from tests.models.uda.tiny import batch, dacs, with_feature_distance

READS = ('item', 'cpu', 'numpy', 'nonzero', '__bool__', '__int__', '__float__', '__index__')


@pytest.fixture
def no_reading(monkeypatch):
    """A function after which every way of reading a tensor's value raises."""

    def forbid():
        for name in READS:
            monkeypatch.setattr(Tensor, name, lambda *_, name=name, **__: pytest.fail(f'Tensor.{name} in a step'))
        monkeypatch.setattr(torch, 'unique', lambda *_, **__: pytest.fail('torch.unique in a step'))
        monkeypatch.setattr(torch, 'nonzero', lambda *_, **__: pytest.fail('torch.nonzero in a step'))

    return forbid


@pytest.mark.parametrize('accumulate', [1, 2])
@pytest.mark.parametrize('fuse', [False, True])
def test_a_step_reads_no_value_of_a_tensor(no_reading, fuse, accumulate):
    model = dacs(**with_feature_distance(fuse_forward=fuse, accumulate=accumulate, color_jitter_probability=0.0))
    optimizer = StudentOptimWrapper(torch.optim.AdamW(model.model.parameters(), fused=True))
    data = batch()
    model.train_step(data, optimizer)
    no_reading()
    for _ in range(4):
        logged = model.train_step(data, optimizer)
    assert all(isinstance(value, Tensor) and value.ndim == 0 and not value.requires_grad for value in logged.values())


def test_the_check_sees_a_reading(no_reading):
    no_reading()
    with pytest.raises(pytest.fail.Exception, match=r'Tensor\.__bool__'):
        assert torch.ones(()) > 0

"""What is measured every so many iterations, whatever it is."""

from types import SimpleNamespace

import pytest
from torch import nn

from mmseg.datasets.loader import DataUnusable
from mmseg.engine.hooks.periodic import PeriodicMeasurement
from mmseg.errors import InputError
from mmseg.writing import DiskFullError


class Counted(PeriodicMeasurement):
    def __init__(self, error=None):
        super().__init__(interval=4, logged='mIoU')
        self.seen, self.error = [], error

    def measure(self, runner, done):
        self.seen.append(done)
        if self.error:
            raise self.error


def runner(done=0, work_dir='absent'):
    said = SimpleNamespace(info=lambda text: None)
    return SimpleNamespace(iter=done, max_iters=10, student=nn.Linear(1, 1), work_dir=work_dir, logger=said)


def test_it_comes_every_so_many_iterations_and_at_the_last():
    hook = Counted()
    for index in range(10):
        hook.after_train_iter(runner(), index)
    assert hook.seen == [4, 8, 10]


@pytest.mark.parametrize(('done', 'first'), [(0, []), (3, []), (4, [4]), (10, [10])])
def test_a_resumed_run_begins_with_the_one_that_its_log_lacks(tmp_path, done, first):
    hook = Counted()
    hook.before_train(runner(done, tmp_path))
    assert hook.seen == first


def test_data_that_cannot_be_used_is_no_mistake_of_the_start_and_a_full_disk_stays_one():
    with pytest.raises(DataUnusable, match=r'a\.png is gone'):
        Counted(InputError('a.png is gone')).after_train_iter(runner(), 3)
    with pytest.raises(DiskFullError):
        Counted(DiskFullError('no room')).after_train_iter(runner(), 3)

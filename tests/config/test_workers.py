import pytest

from mmseg.config import workers
from mmseg.config.schema import complete


@pytest.mark.parametrize(
    ('cores', 'processes', 'count'), [(2, 1, 2), (6, 1, 6), (64, 1, 8), (16, 4, 4), (64, 4, 8), (4, 8, 1), (3, 0, 3)]
)
def test_a_silent_config_takes_the_cores_of_the_machine_for_its_processes(monkeypatch, cores, processes, count):
    monkeypatch.setattr(workers.os, 'sched_getaffinity', lambda process: set(range(cores)), raising=False)
    data = {'train': {}}
    assert complete({'data': data, 'n_gpus': processes}, name='x')['data']['workers_per_gpu'] == count
    assert complete({'data': data | {'workers_per_gpu': 5}}, name='x')['data']['workers_per_gpu'] == 5

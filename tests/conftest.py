"""Settings of the whole suite."""

import os
import signal
from collections.abc import Iterator

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Tests that are not marked ``gpu`` are those of a CPU, also on a machine with GPUs."""
    if 'not gpu' in config.option.markexpr:
        os.environ['CUDA_VISIBLE_DEVICES'] = ''


@pytest.fixture
def sighup_heard() -> Iterator[None]:
    """A closed terminal ends what is started here, also where the suite itself runs under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)

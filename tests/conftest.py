"""Settings of the whole suite."""

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Tests that are not marked ``gpu`` are those of a CPU, also on a machine with GPUs."""
    if 'not gpu' in config.option.markexpr:
        os.environ['CUDA_VISIBLE_DEVICES'] = ''

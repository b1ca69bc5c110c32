"""Drawn input: the same cases every time in ``make test``, others in each scheduled run (MMSEG_FUZZ=free)."""

import os

import pytest

hypothesis = pytest.importorskip('hypothesis')

for name, fixed in (('fixed', True), ('free', False)):
    hypothesis.settings.register_profile(
        name,
        derandomize=fixed,
        database=None,
        deadline=None,  # a slow machine is no failure
        suppress_health_check=list(hypothesis.HealthCheck),
    )
hypothesis.settings.load_profile(os.environ.get('MMSEG_FUZZ', 'fixed'))

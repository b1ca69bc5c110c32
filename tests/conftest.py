"""Settings of the whole suite."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

BUILT: dict[str, Any] = {}
PASSED: set[str] = set()


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


@pytest.fixture
def each_network_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configs are checked, but networks that a config before had are neither built nor passed through again."""
    from mmseg.config import components  # after pytest_configure
    from mmseg.config.encoder_images import crop_sizes

    build, check = components.build_without_memory, components.check_forward

    def build_new(model: Any, uda: Any = None) -> Any:
        content = json.dumps([model, uda], sort_keys=True)
        if content not in BUILT:
            BUILT[content] = build(model, uda)
        return BUILT[content]

    def check_new(cfg: Any, model: Any) -> None:
        description = json.dumps([cfg.model, list(crop_sizes(cfg))], sort_keys=True)
        if description not in PASSED:
            check(cfg, model)
            PASSED.add(description)

    monkeypatch.setattr(components, 'build_without_memory', build_new)
    monkeypatch.setattr(components, 'check_forward', check_new)

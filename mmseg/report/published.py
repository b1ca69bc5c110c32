"""Published results, found by what a config says; the numbers are in ``published.json``.

Only numbers that were read in a publication of their authors or in a repository that compares them. Metrics in percent.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmseg.config.rules import value_at
from mmseg.report.facts import ORACLE, SOURCE_ONLY, Facts, facts_of

FILE = Path(__file__).with_name('published.json')


@dataclass(frozen=True)
class Published:
    """One published result.

    ``method`` is 'source-only', 'oracle', 'DACS', 'DAFormer' or 'DSP'; ``encoder``, ``decoder``, ``source`` and
    ``target`` are those of :class:`mmseg.report.facts.Facts`; ``requires`` are further values that a config must have,
    by dotted key. ``values`` and ``std`` are percent by metric (mIoU, mIoU16, mIoU13, IoU.<class>), on ``split`` of the
    target; ``origin`` says where they were read.
    """

    method: str
    encoder: str
    decoder: str
    source: str
    target: str
    split: str
    requires: Mapping[str, Any]
    values: Mapping[str, float]
    origin: str
    std: Mapping[str, float] = field(default_factory=dict)


@functools.cache
def published_results() -> tuple[Published, ...]:
    """All rows of ``published.json``."""
    return tuple(Published(**row) for row in json.loads(FILE.read_text(encoding='utf-8')))


def published_for(config: Mapping[str, Any]) -> Published | None:
    """The published result of what a complete config describes, None if there is none."""
    facts = facts_of(config)
    wanted = (method_of(facts), facts.encoder, facts.decoder, facts.source, facts.target)
    for row in published_results():
        same = wanted == (row.method, row.encoder, row.decoder, row.source, row.target)
        if same and all(_plain(value_at(config, key)) == value for key, value in row.requires.items()):
            return row
    return None


def _plain(value: Any) -> Any:
    """A value as JSON holds it."""
    return list(value) if isinstance(value, tuple) else value


def method_of(facts: Facts) -> str:
    """The name under which a setting was published, '' for one that was not; warm-up was part of every one."""
    if facts.setting in (SOURCE_ONLY, ORACLE):
        return facts.setting
    method, *parts = facts.setting.split(' + ')
    if method == 'DSP':
        return method
    return {('warm-up',): 'DACS', ('RCS', 'FD things', 'warm-up'): 'DAFormer'}.get(tuple(parts), '')

"""What was predicted, as numbers: ``predictions.json``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmseg.places import RESULTS
from mmseg.prediction.block import Block
from mmseg.writing import write_text

NO_CLASS = 'no class'
"""What pixels show that a network gives one of its outputs beyond the classes."""


@dataclass
class Tally:
    """Counts over the blocks of one file."""

    counts: Tensor | None = None  # (classes + 1,) pixels, the last those of no class
    confidence: float = 0.0  # summed over pixels

    def add(self, block: Block, num_classes: int) -> None:
        ids = block.label_map.flatten().long().clamp(max=num_classes)
        counts = torch.bincount(ids, minlength=num_classes + 1)
        self.counts = counts if self.counts is None else self.counts + counts
        self.confidence += float(block.confidence.double().sum())

    def facts(self, classes: Sequence[str]) -> dict[str, Any]:
        """Shares of the pixels by class (those that appear, largest first) and the mean confidence, both in 0..1."""
        assert self.counts is not None
        counts = self.counts.tolist()
        total = sum(counts)
        shares = {name: count / total for name, count in zip((*classes, NO_CLASS), counts, strict=True) if count}
        ordered = dict(sorted(shares.items(), key=lambda item: -item[1]))
        return {'class_shares': ordered, 'mean_confidence': self.confidence / total}


@dataclass
class Summary:
    """What became of every file, and with which network."""

    about: Mapping[str, Any]
    images: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write ``predictions.json`` into ``folder``."""
        path = folder / RESULTS
        content = {**self.about, 'images': self.images, 'failed': self.failed}
        write_text(path, json.dumps(content, indent=2, ensure_ascii=True) + '\n')
        return path

"""An image of any size through windows: the network sees one at a time, and their scores fade into each other.

Where windows overlap, the probabilities are averaged with weights that fall towards the edge of a window, so that
no seam shows. Only the scores of one row of windows are held, and of a wide image of one band of its columns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmseg.errors import InputError
from mmseg.prediction.block import Block
from mmseg.prediction.rasters import Raster

BAND = 4096
"""Columns of which scores are held together: with 19 classes and tiles of 512 that is 160 MB."""

Scores = Callable[[Sequence[np.ndarray]], Tensor]
"""Windows (h, w, C) of one size -> probabilities (B, classes, h, w)."""


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How an image is cut.

    Args:
        size: side of the square windows, in pixels of the image.
        overlap: pixels that neighbouring windows share.
        batch: windows that the network sees together.

    Raises:
        InputError: the windows would not move on.
    """

    size: int
    overlap: int
    batch: int = 1

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.overlap < self.size:
            raise InputError(f'--overlap {self.overlap} has to be at least 0 and below --tile {self.size}.')

    def starts(self, length: int) -> list[int]:
        """Where windows begin along a side of ``length``; the last one is moved back into the image."""
        step = self.size - self.overlap
        count = max(length - self.size + step - 1, 0) // step + 1
        return [max(min(i * step, length - self.size), 0) for i in range(count)]


def tiled(scores: Scores, raster: Raster, tiling: Tiling, *, band: int = BAND) -> Iterator[Block]:
    """The prediction of ``raster`` in blocks that cover it without overlap, with the probabilities in each."""
    height, width = raster.size
    tops = tiling.starts(height)
    for left in range(0, width, band):
        columns = slice(left, min(left + band, width))
        strip: Strip | None = None
        for top, following in zip(tops, [*tops[1:], height], strict=True):
            rows = slice(top, min(top + tiling.size, height))
            strip = Strip(rows, columns) if strip is None else strip.moved_to(rows)
            for windows in _batches(tiling, width, columns):
                pixels = [raster.read(rows, window) for window in windows]
                for window, found in zip(windows, scores(pixels), strict=True):
                    strip.add(found, window, tiling.overlap)
            yield strip.finished(following)


def _batches(tiling: Tiling, width: int, columns: slice) -> Iterator[list[slice]]:
    """The windows of one row that show any of ``columns``, a few at a time."""
    all_windows = [slice(left, min(left + tiling.size, width)) for left in tiling.starts(width)]
    windows = [window for window in all_windows if window.start < columns.stop and window.stop > columns.start]
    for first in range(0, len(windows), tiling.batch):
        yield windows[first : first + tiling.batch]


class Strip:
    """Weighted sums of the probabilities that windows give the pixels of one row of windows.

    Args:
        rows: of the image.
        columns: of the image.
    """

    def __init__(self, rows: slice, columns: slice) -> None:
        self.rows, self.columns = rows, columns
        self.total: Tensor | None = None  # (C, rows, columns)
        self.weight: Tensor | None = None  # (rows, columns)

    def add(self, found: Tensor, window: slice, overlap: int) -> None:
        """Count in the probabilities (C, h, w) of the window of this row at the columns ``window``."""
        height, width = found.shape[1:]
        weight = fade(height, overlap, found.device)[:, None] * fade(width, overlap, found.device)
        left, right = max(window.start, self.columns.start), min(window.stop, self.columns.stop)
        inside = slice(left - window.start, right - window.start)
        here = slice(left - self.columns.start, right - self.columns.start)
        if self.total is None or self.weight is None:
            size = (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)
            self.total, self.weight = found.new_zeros((len(found), *size)), found.new_zeros(size)
        self.total[:, :, here].addcmul_(found[:, :, inside], weight[:, inside])
        self.weight[:, here] += weight[:, inside]

    def finished(self, until: int) -> Block:
        """The rows up to ``until``, to which no further window will add."""
        assert self.total is not None
        assert self.weight is not None
        count = until - self.rows.start
        probs = self.total[:, :count] / self.weight[:count]
        confidence, label_map = probs.max(dim=0)
        kind = torch.uint8 if len(probs) <= 256 else torch.int64
        return Block(slice(self.rows.start, until), self.columns, label_map.to(kind), confidence, probs)

    def moved_to(self, rows: slice) -> 'Strip':
        """The strip of the next row of windows, which begins with what this one knows of its rows."""
        assert self.total is not None
        assert self.weight is not None
        following = Strip(rows, self.columns)
        shared = self.rows.stop - rows.start
        size = rows.stop - rows.start
        following.total = self.total.new_zeros((len(self.total), size, self.total.shape[2]))
        following.weight = self.weight.new_zeros((size, self.weight.shape[1]))
        if shared > 0:
            following.total[:, :shared] = self.total[:, -shared:]
            following.weight[:shared] = self.weight[-shared:]
        return following


def fade(length: int, overlap: int, device: torch.device | str = 'cpu') -> Tensor:
    """Weights in (0, 1] along a side of a window: rising over the overlap, 1 in the middle, falling again."""
    position = torch.arange(length, device=device)
    edge = torch.minimum(position, length - 1 - position) + 1
    return (edge / (overlap + 1)).clamp(max=1)

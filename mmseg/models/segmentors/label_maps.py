"""From logits to class ids at another size, without ever holding the logits at that size.

The softmax keeps the order of the classes, so it is left out. Rows are made a strip at a time, in the order of
operations of ``torch.nn.functional.interpolate``: the classes are those of ``resize(logits).argmax(1)``.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mmseg.models.layers import resize

# Rows a strip: on a CPU so few that one class of a strip stays in its cache, elsewhere as few launches as cost little.
ROWS_CPU, ROWS_DEVICE = 64, 256


class Neighbours(NamedTuple):
    """For each row of the output its two neighbours in the input, and how much each of them counts."""

    above: Tensor  # (rows,) int64
    below: Tensor
    weight_above: Tensor  # (rows, 1) float32
    weight_below: Tensor


def label_maps(logits: Tensor, size: tuple[int, int], *, align_corners: bool, rows: int | None = None) -> Tensor:
    """The best class of each pixel of ``logits`` (B, C, h, w), bilinearly resized to ``size`` = (H, W).

    Args:
        logits: in any floating type; resized and compared as float32.
        size: of the label maps.
        align_corners: as for ``interpolate``.
        rows: rows of the output made at once; None is what suits the device.

    Returns:
        (B, H, W) uint8; int64 if there are more than 256 classes. Equal classes: the one with the lower id.
    """
    rows = rows or (ROWS_CPU if logits.device.type == 'cpu' else ROWS_DEVICE)
    kind = torch.uint8 if logits.shape[1] <= 256 else torch.int64
    found = torch.empty((len(logits), *size), dtype=kind, device=logits.device)
    for start, strip, neighbours in _strips(logits, size, align_corners, rows):
        found[:, start : start + rows] = _best(strip, neighbours, kind)
    return found


def score_strips(
    logits: Tensor, size: tuple[int, int], *, align_corners: bool, rows: int | None = None
) -> Iterator[tuple[int, Tensor]]:
    """(first row, float32 scores (B, C, up to ``rows``, W)) of ``logits`` resized to ``size``, strip after strip."""
    rows = rows or (ROWS_CPU if logits.device.type == 'cpu' else ROWS_DEVICE)
    for start, strip, neighbours in _strips(logits, size, align_corners, rows):
        yield start, _combined(strip, neighbours)


def _strips(
    logits: Tensor, size: tuple[int, int], align_corners: bool, rows: int
) -> Iterator[tuple[int, Tensor, Neighbours | None]]:
    """(first row, the input rows it needs at full width, how to combine them: None for as they are)."""
    height, width = size
    if height == logits.shape[2]:
        for start in range(0, height, rows):
            part = logits[:, :, start : start + rows].float()
            yield start, resize(part, (part.shape[2], width), align_corners=align_corners), None
        return
    for start, needed, neighbours in _places(logits.shape[2], height, align_corners, rows):
        part = logits[:, :, needed].float()
        wide = resize(part, (part.shape[2], width), align_corners=align_corners)
        yield start, wide, Neighbours(*(x.to(logits.device, non_blocking=True) for x in neighbours))


def _places(length: int, wanted: int, align_corners: bool, rows: int) -> list[tuple[int, slice, Neighbours]]:
    """(first row, the input rows it needs, its neighbours among these) of each strip.

    On the host: the limits of a strip are slices, and reading them back would wait for the device.
    """
    whole, places = _neighbours(length, wanted, align_corners), []
    for start in range(0, wanted, rows):
        above, below, *weights = (values[start : start + rows] for values in whole)
        first, last = int(above[0]), int(below[-1])
        places.append((start, slice(first, last + 1), Neighbours(above - first, below - first, *weights)))
    return places


def _neighbours(length: int, wanted: int, align_corners: bool) -> Neighbours:
    position = torch.arange(wanted, dtype=torch.float32)
    if align_corners:
        place = position * ((length - 1) / (wanted - 1) if wanted > 1 else 0.0)
    else:
        place = ((position + 0.5) * (length / wanted) - 0.5).clamp(min=0)
    above = place.long().clamp(max=length - 1)
    share = (place - above)[:, None]
    return Neighbours(above, (above + 1).clamp(max=length - 1), 1 - share, share)


def _best(strip: Tensor, neighbours: Neighbours | None, kind: torch.dtype) -> Tensor:
    if strip.device.type != 'cpu':
        return _combined(strip, neighbours).argmax(1).to(kind)
    # Class by class, each while it is in the cache: three times as fast as a CPU's argmax over a distant dimension.
    best = _combined(strip[:, :1], neighbours)[:, 0].clone()
    ids = torch.zeros(best.shape, dtype=kind)
    for train_id in range(1, strip.shape[1]):
        score = _combined(strip[:, train_id : train_id + 1], neighbours)[:, 0]
        ids.masked_fill_(score > best, train_id)
        torch.maximum(best, score, out=best)
    return ids


def _combined(strip: Tensor, neighbours: Neighbours | None) -> Tensor:
    if neighbours is None:
        return strip
    above, below, weight_above, weight_below = neighbours
    upper = strip.index_select(2, above) * weight_above
    return upper.addcmul_(strip.index_select(2, below), weight_below)

"""A part of a prediction: what the network says of a window of an image."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class Block(NamedTuple):
    """Classes and their scores for the pixels of a window; a whole image is one window.

    Attributes:
        rows: of the image.
        columns: of the image.
        label_map: (h, w) class ids, uint8 or int64.
        confidence: (h, w) float32 in 0..1, the probability of that class.
        probs: (C, h, w) float32 in 0..1, of every class; None where nobody asked for them.
    """

    rows: slice
    columns: slice
    label_map: Tensor
    confidence: Tensor
    probs: Tensor | None = None


def joined(blocks: Sequence[Block]) -> Block:
    """One block of all that cover an image."""
    height, width = max(block.rows.stop for block in blocks), max(block.columns.stop for block in blocks)
    first = blocks[0]
    label_map = first.label_map.new_empty((height, width))
    confidence = first.confidence.new_empty((height, width))
    probs = None if first.probs is None else first.probs.new_empty((len(first.probs), height, width))
    for block in blocks:
        label_map[block.rows, block.columns] = block.label_map
        confidence[block.rows, block.columns] = block.confidence
        if probs is not None and block.probs is not None:
            probs[:, block.rows, block.columns] = block.probs
    return Block(slice(0, height), slice(0, width), label_map, confidence, probs)

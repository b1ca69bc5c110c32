"""What textures are made with: the sub-pixels of a surface in metres, chance and noise on them, cells and joints.

Everything fades where a sub-pixel covers half a period. Only exact operations are used, so that every processor paints
the same.
"""

from functools import cache
from typing import NamedTuple

import numpy as np


class Patch(NamedTuple):
    """The N sub-pixels of one texture, each as an array (N,)."""

    piece: np.ndarray  # number of the piece, which makes its own chance
    u: np.ndarray  # metres along the surface
    v: np.ndarray
    from_u: np.ndarray  # metres from the lower corner of the piece
    from_v: np.ndarray
    wide: np.ndarray  # extent of the piece in metres
    tall: np.ndarray
    over_u: np.ndarray  # metres that a sub-pixel covers
    over_v: np.ndarray
    glow: np.ndarray  # filled in by textures: share of the light that is the surface's own
    lit: float  # share of windows with a light on
    cover: float  # of the sky by clouds, 0 to 1

    def chance(self, *keys: np.ndarray | int) -> np.ndarray:
        """Numbers in [0, 1) that depend on the piece and the ``keys``, integers, alone."""
        state = self.piece.astype(np.uint32) * np.uint32(2654435761)
        for key in keys:
            state = (state ^ np.asarray(key).astype(np.int64).astype(np.uint32)) * np.uint32(2246822519)
            state = state ^ (state >> np.uint32(15))
        state = state * np.uint32(3266489917)
        return ((state ^ (state >> np.uint32(16))) & np.uint32(0xFFFF)).astype(np.float32) / np.float32(65536)

    def noise(self, cell: float, upwards: float = 1.0, salt: int = 0) -> np.ndarray:
        """A smooth field about 0 with spots of ``cell`` metres (``upwards`` times as tall), deviation 1, faded."""
        table = _noise_table()
        across = (self.u * np.float32(8 / cell) + np.float32(16384 + 137 * salt)).astype(np.int32) & 511
        along = (self.v * np.float32(8 / cell / upwards) + np.float32(16384 + 291 * salt)).astype(np.int32) & 511
        field = table[(along << 9) | across]
        return field * visible(cell, np.maximum(self.over_u, self.over_v * np.float32(1 / upwards)))


@cache
def _noise_table() -> np.ndarray:
    """A field of 512x512 that repeats itself, eight points to a spot, in one row."""
    field = np.random.default_rng(7).standard_normal((64, 64)).repeat(8, 0).repeat(8, 1)
    for axis in (0, 1):
        for _ in range(2):
            total = field.copy()
            for step in range(1, 8):
                total += np.roll(field, step, axis)
            field = total / 8
    return (field * 2.2).astype(np.float32).ravel()


def visible(period: float, over: np.ndarray) -> np.ndarray:
    """1 where a period covers four sub-pixels or more, 0 below two."""
    return np.clip(2 - over * np.float32(4 / period), 0, 1)


def mix(colours: np.ndarray, share: np.ndarray, other: np.ndarray) -> np.ndarray:
    """``share`` (N,) of ``other``, a colour or one for each."""
    return colours + share[:, None] * (other - colours)


def within(value: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """1 where ``value`` lies between, else 0."""
    return ((value > low) & (value < high)).astype(np.float32)


def cells(value: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Number of the cell, and the place in it in metres."""
    number = np.floor(value * np.float32(1 / step))
    return number, value - number * np.float32(step)


def joints(patch: Patch, step: tuple[float, float], joint: float, bond: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of blocks: (N,) share of joint, and (N,) a chance of each block; ``bond`` shifts every other row."""
    row, up = cells(patch.v, step[1])
    shifted = patch.u + np.float32(bond * step[0]) * (row - 2 * np.floor(row / 2))
    column, right = cells(shifted, step[0])
    keep = visible(step[0], patch.over_u) * visible(step[1], patch.over_v)
    between = ((right < joint) | (up < joint)).astype(np.float32) * keep
    return between, (patch.chance(row, column) - np.float32(0.5)) * keep


def volume(patch: Patch) -> np.ndarray:
    """Brighter above and to the left, darker below: what makes a flat piece round."""
    right, up = 2 * patch.from_u / patch.wide - 1, 2 * patch.from_v / patch.tall - 1
    return 1 + 0.2 * up - 0.1 * right - 0.12 * right * right

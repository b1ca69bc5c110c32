"""Flat pieces in space, the alphabet of the toy streets: polygons in metres, with class and material.

Coordinates are (right, up, forward) from a point on the ground below the camera. Sines and powers may differ in the
last bit from processor to processor: they are rounded, so that everything that is made of them is the same.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

Rng = np.random.Generator
Span = tuple[float, float]  # from, to, in metres

DIGITS = 9  # decimals of what is not computed exactly
NEAR = 1.5  # metres; nothing is drawn closer to the camera


class Part(NamedTuple):
    """One flat piece: its class, its material, where it looks and its corners.

    ``facing`` is 'front' (towards the camera), 'left', 'right' or 'up'; the sides are seen only from where they look.
    """

    name: str
    material: str
    facing: str
    points: np.ndarray  # (N, 3) metres
    shade: float = 1.0  # factor of the brightness


Thing = list[Part]


class Street(NamedTuple):
    """The room that things are placed in: lateral positions of its borders, and how strongly it bends."""

    half_road: float
    pavement: float
    verge: float
    bend: float  # lateral shift in metres at 100 m

    @property
    def kerb(self) -> float:
        """Where the pavement ends and the verge begins."""
        return self.half_road + self.pavement

    @property
    def front(self) -> float:
        """Where the houses stand."""
        return self.kerb + self.verge


def upright(x0: float, x1: float, y0: float, y1: float, z: float) -> np.ndarray:
    return np.array([(x0, y0, z), (x0, y1, z), (x1, y1, z), (x1, y0, z)])


def along(first: tuple[float, float], second: tuple[float, float], z0: float, z1: float) -> np.ndarray:
    """A band between two lines that run forward at (x, y), in steps, so that it can follow a bend."""
    steps = 1 if z1 < 1.3 * z0 else 7
    depths = [round(z0 * math.pow(z1 / z0, i / steps), DIGITS) for i in range(steps + 1)]
    out = [(*first, z) for z in depths]
    back = [(*second, z) for z in depths[::-1]]
    return np.array(out + back)


def flat(x: Span, z: Span, y: float = 0.0) -> np.ndarray:
    """A level piece, as a road or a roof is."""
    return along((x[0], y), (x[1], y), *z)


def facing_us(corners: Sequence[tuple[float, float]], z: float) -> np.ndarray:
    """Corners (x, y) at the distance ``z``."""
    return np.array([(x, y, z) for x, y in corners])


def cos_sin(angle: float) -> tuple[float, float]:
    return round(math.cos(angle), DIGITS), round(math.sin(angle), DIGITS)


def circle(corners: int = 14) -> list[tuple[float, float]]:
    return [cos_sin(2 * math.pi * i / corners) for i in range(corners)]


def disc(x: float, y: float, z: float, rx: float, ry: float) -> np.ndarray:
    return np.array([(x + rx * cos, y + ry * sin, z) for cos, sin in circle()])


def side_disc(x: float, y: float, z: float, radius: float) -> np.ndarray:
    """A wheel seen from the side of the street."""
    return np.array([(x, y + radius * sin, z + radius * cos) for cos, sin in circle()])


def bar(start: tuple[float, float], end: tuple[float, float], z: float, width: float) -> np.ndarray:
    """A thin straight piece from (x, y) to (x, y), facing the camera."""
    return tapered(start, end, z, width, width)


def tapered(start: tuple[float, float], end: tuple[float, float], z: float, first: float, last: float) -> np.ndarray:
    """A straight piece that is ``first`` metres wide where it starts and ``last`` where it ends."""
    right, up = end[0] - start[0], end[1] - start[1]
    length = max(math.sqrt(right * right + up * up), 1e-6)
    x, y = -up / length / 2, right / length / 2
    (x0, y0), (x1, y1) = start, end
    corners = [(x0 + first * x, y0 + first * y), (x1 + last * x, y1 + last * y)]
    corners += [(x1 - last * x, y1 - last * y), (x0 - first * x, y0 - first * y)]
    return facing_us(corners, z)


def box(name: str, material: str, x: Span, y: Span, z: Span) -> Thing:
    """Top, both sides and the back of a block."""
    return [
        Part(name, material, 'up', flat(x, z, y[1])),
        Part(name, material, 'left', along((x[0], y[0]), (x[0], y[1]), *z)),
        Part(name, material, 'right', along((x[1], y[0]), (x[1], y[1]), *z)),
        Part(name, material, 'front', upright(*x, *y, z[0])),
    ]


def extrude(name: str, material: str, profile: Sequence[tuple[float, float]], x: Span, z: float) -> Thing:
    """A body whose outline (metres beyond ``z``, height) is the same across ``x``; far surfaces come first.

    The outline runs over the top, from the end that is near the camera to the far one.
    """
    edges = list(pairwise(profile))
    parts = []
    for (z0, y0), (z1, y1) in edges[::-1]:
        corners = [(x[0], y0, z + z0), (x[0], y1, z + z1), (x[1], y1, z + z1), (x[1], y0, z + z0)]
        parts.append(Part(name, material, 'up' if abs(z1 - z0) > abs(y1 - y0) else 'front', np.array(corners)))
    for at, facing in ((x[0], 'left'), (x[1], 'right')):
        parts.append(Part(name, material, facing, np.array([(at, up, z + forward) for forward, up in profile])))
    return parts

"""Flat pieces in space, the alphabet of the toy streets: polygons in metres, with class and material.

Coordinates are (right, up, forward) from a point on the ground below the camera.
"""

from typing import NamedTuple

import numpy as np

Rng = np.random.Generator

NEAR = 1.5  # metres; nothing is drawn closer to the camera


class Part(NamedTuple):
    """One flat piece: its class, its material, where it looks ('front', 'left', 'right', 'up') and its corners."""

    name: str
    material: str
    facing: str
    points: np.ndarray  # (N, 3) metres


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
    depths = np.geomspace(z0, z1, 2 if z1 < 1.3 * z0 else 8)
    out = [(*first, z) for z in depths]
    back = [(*second, z) for z in depths[::-1]]
    return np.array(out + back)


def disc(x: float, y: float, z: float, rx: float, ry: float) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn), np.full(14, z)], axis=1)


def bar(start: tuple[float, float], end: tuple[float, float], z: float, width: float) -> np.ndarray:
    """A thin straight piece from (x, y) to (x, y), facing the camera."""
    a, b = np.array(start), np.array(end)
    across = np.array([-(b - a)[1], (b - a)[0]]) * (width / 2 / max(float(np.linalg.norm(b - a)), 1e-6))
    corners = np.array([a + across, b + across, b - across, a - across])
    return np.column_stack([corners, np.full(4, z)])


def box(name: str, material: str, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> Thing:
    """Top, the side that the camera sees, and the back of a block."""
    seen, facing = (x[0], 'left') if sum(x) > 0 else (x[1], 'right')
    return [
        Part(name, material, 'up', along((x[0], y[1]), (x[1], y[1]), *z)),
        Part(name, material, facing, along((seen, y[0]), (seen, y[1]), *z)),
        Part(name, material, 'front', upright(*x, *y, z[0])),
    ]

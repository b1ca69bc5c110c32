"""Trees, bushes and hedges of the toy streets, as flat pieces that face the camera."""

import math

import numpy as np

from mmseg.datasets.toy.shapes import Part, Rng, Span, Thing, circle, cos_sin, facing_us, tapered

ROUND = np.array(circle(30))


def tree(rng: Rng, x: float, z: float) -> Thing:
    """A broad, a slim, a young, a bare one, or a conifer."""
    kind = rng.choice(['broad', 'slim', 'young', 'bare', 'conifer'], p=[0.4, 0.14, 0.16, 0.18, 0.12])
    if kind == 'bare':
        return bare_tree(rng, x, z)
    if kind == 'conifer':
        return conifer(rng, x, z)
    height, wide = {'broad': (rng.uniform(5, 9), 2.3), 'slim': (rng.uniform(6, 10), 0.9), 'young': (3.6, 0.8)}[kind]
    bole, thick = height * rng.uniform(0.25, 0.4), 0.07 * height**0.5 + (0.1 if kind == 'broad' else 0.0)
    parts = [Part('vegetation', 'bark', 'front', tapered((x, 0), (x, height * 0.7), z, thick * 1.3, thick * 0.6))]
    return parts + crown(rng, (x, z), (bole, height), wide * rng.uniform(0.8, 1.15))


def crown(rng: Rng, at: Span, y: Span, wide: float) -> Thing:
    """Clumps of leaves around an axis; lower ones are darker, and upper ones are drawn upon them."""
    x, z = at
    low, high = y
    middle, half = (low + high) / 2, (high - low) / 2
    parts = []
    for _ in range(int(rng.integers(9, 15))):
        up = rng.uniform(-0.8, 0.8)
        reach = wide * math.sqrt(1 - up * up)
        radius = rng.uniform(0.34, 0.55) * min(wide, half)
        centre = (x + rng.uniform(-0.7, 0.7) * reach, middle + up * half)
        parts.append((centre[1], Part('vegetation', 'leaf', 'front', clump(rng, centre, z, radius), 0.92 + 0.16 * up)))
    return [part for _, part in sorted(parts, key=lambda pair: pair[0])]


def clump(rng: Rng, centre: tuple[float, float], z: float, radius: float) -> np.ndarray:
    """A ragged round outline."""
    reach = radius * rng.uniform(0.78, 1.15, size=len(ROUND))
    x, y = centre[0] + 1.1 * reach * ROUND[:, 0], centre[1] + reach * ROUND[:, 1]
    return np.stack([x, y, np.full(len(ROUND), z)], axis=1)


def conifer(rng: Rng, x: float, z: float) -> Thing:
    height, wide = rng.uniform(4, 8), rng.uniform(1.0, 1.7)
    parts = [Part('vegetation', 'bark', 'front', tapered((x, 0), (x, 1.5), z, 0.25, 0.2))]
    for level in range(5):
        low, high = 0.7 + level * (height - 1) / 6, 0.7 + (level + 2) * (height - 1) / 6
        reach = wide * (1 - level / 6)
        skirt = [(reach * (i / 4 - 1), low + rng.uniform(-0.15, 0.15) - 0.12 * (i % 2)) for i in range(9)]
        corners = [(x + right, up) for right, up in skirt] + [(x, high)]
        parts.append(Part('vegetation', 'needle', 'front', facing_us(corners, z), 0.85 + 0.06 * level))
    return parts


def bare_tree(rng: Rng, x: float, z: float) -> Thing:
    """A trunk that forks three times."""
    parts: Thing = []

    def fork(start: tuple[float, float], angle: float, length: float, width: float) -> None:
        up, right = cos_sin(angle)
        end = (start[0] + length * right, start[1] + length * up)
        parts.append(Part('vegetation', 'bark', 'front', tapered(start, end, z, width, width * 0.7)))
        if width < 0.06:
            return
        for turn in (-1, 0, 1):
            if turn or rng.random() < 0.5:
                fork(end, angle + turn * rng.uniform(0.3, 0.7), length * rng.uniform(0.6, 0.8), width * 0.55)

    fork((x, 0), rng.normal(0, 0.03), rng.uniform(1.8, 2.6), rng.uniform(0.22, 0.3))
    return parts


def bushes(rng: Rng, x: float, z: Span, height: Span) -> Thing:
    """Greenery behind a wall or a fence, far ones first."""
    depths = sorted(rng.uniform(*z, size=4), reverse=True)
    parts = []
    for depth in depths:
        top = rng.uniform(*height)
        for _ in range(3):
            centre = (x + rng.normal(0, 1.5), rng.uniform(0.3, 0.85) * top)
            shade = 0.8 + 0.25 * centre[1] / top
            parts.append(Part('vegetation', 'leaf', 'front', clump(rng, centre, depth, top * 0.4), shade))
    return parts

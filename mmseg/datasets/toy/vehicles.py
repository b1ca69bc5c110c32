"""Vehicles of the toy streets: outlines in metres, drawn across their width.

What drives on our side of the street shows its back, what comes towards us its front.
"""

from typing import NamedTuple

import numpy as np

from mmseg.datasets.toy.shapes import Part, Rng, Span, Thing, along, bar, box, extrude, side_disc, upright

Outline = tuple[tuple[float, float], ...]


class CarShape(NamedTuple):
    """Outlines (metres from the back, height) of the body and of the cabin upon it; width in metres."""

    body: Outline
    cabin: Outline
    width: float
    wheels: Span  # where their middles are


SALOON = CarShape(
    body=((0, 0.3), (0, 0.72), (0.08, 0.98), (0.95, 1.02), (3.2, 0.98), (4.2, 0.86), (4.5, 0.66), (4.5, 0.3)),
    cabin=((0.45, 1.0), (1.2, 1.4), (2.5, 1.44), (3.3, 0.97)),
    width=1.78,
    wheels=(0.85, 3.6),
)
HATCHBACK = CarShape(
    body=((0, 0.3), (0, 0.7), (0.05, 0.98), (1.0, 1.0), (2.7, 0.98), (3.5, 0.88), (3.85, 0.66), (3.85, 0.3)),
    cabin=((0.06, 0.98), (0.42, 1.42), (0.9, 1.5), (1.9, 1.48), (2.8, 0.97)),
    width=1.72,
    wheels=(0.65, 3.1),
)
ESTATE = CarShape(
    body=((0, 0.32), (0, 0.76), (0.05, 1.0), (1.0, 1.02), (3.3, 1.0), (4.3, 0.9), (4.6, 0.7), (4.6, 0.32)),
    cabin=((0.08, 1.0), (0.5, 1.42), (1.0, 1.5), (2.6, 1.48), (3.4, 0.99)),
    width=1.8,
    wheels=(0.85, 3.7),
)
SUV = CarShape(
    body=((0, 0.42), (0, 0.9), (0.05, 1.14), (1.0, 1.16), (3.2, 1.12), (4.1, 1.05), (4.4, 0.85), (4.4, 0.42)),
    cabin=((0.08, 1.14), (0.32, 1.64), (0.8, 1.72), (2.3, 1.7), (3.1, 1.11)),
    width=1.88,
    wheels=(0.85, 3.5),
)
VAN = CarShape(
    body=((0, 0.36), (0, 1.12), (0.05, 1.15), (1.0, 1.16), (3.9, 1.14), (4.6, 1.0), (4.9, 0.72), (4.9, 0.36)),
    cabin=((0.02, 1.14), (0.1, 1.92), (0.5, 1.98), (3.2, 1.95), (4.1, 1.12)),
    width=1.92,
    wheels=(0.95, 4.0),
)
CARS = (SALOON, HATCHBACK, ESTATE, SUV, VAN)


def car(rng: Rng, x: float, z: float, oncoming: bool) -> Thing:
    """A car of one of five shapes with its near end at ``z``."""
    shape = CARS[int(rng.choice(len(CARS), p=[0.26, 0.3, 0.18, 0.16, 0.1]))]
    length = shape.body[-1][0]
    body, cabin, wheels = shape.body, shape.cabin, shape.wheels
    if oncoming:
        body, cabin = _turned(body, length), _turned(cabin, length)
        wheels = (length - wheels[1], length - wheels[0])
    sides, inner = (x - shape.width / 2, x + shape.width / 2), (x - shape.width / 2 + 0.12, x + shape.width / 2 - 0.12)
    parts = extrude('car', 'car', body, sides, z)
    parts += _wheels('car', sides, [z + at for at in wheels], 0.33)
    parts += _cabin(cabin, inner, z)
    return parts + _end(rng, 'car', sides, z, shoulder=body[1][1], oncoming=oncoming)


def _turned(outline: Outline, length: float) -> Outline:
    return tuple((length - forward, up) for forward, up in outline[::-1])


def _cabin(outline: Outline, x: Span, z: float) -> Thing:
    """Panes and roof; the near sloping surface is glass, and so are the sides between their pillars."""
    parts = extrude('car', 'car', outline, x, z)
    (z0, y0), (z1, y1) = outline[:2]
    low, high = (z + z0 + 0.16 * (z1 - z0), y0 + 0.16 * (y1 - y0)), (z + z0 + 0.9 * (z1 - z0), y0 + 0.9 * (y1 - y0))
    left, right = x[0] + 0.08, x[1] - 0.08
    pane = [(left, low[1], low[0]), (left, high[1], high[0]), (right, high[1], high[0]), (right, low[1], low[0])]
    sides = [
        part
        for at, facing in ((x[0] - 0.01, 'left'), (x[1] + 0.01, 'right'))
        for part in _panes(outline, at, facing, z)
    ]
    return [*parts, *sides, Part('car', 'glass', 'front', np.array(pane))]


def _panes(outline: Outline, at: float, facing: str, z: float) -> Thing:
    """Two windows of a side, sloping as the ends of the cabin do."""
    first, last, middle = outline[1][0], outline[-2][0], (outline[1][0] + outline[-2][0]) / 2
    low, high = outline[0][1] + 0.06, min(up for _, up in outline[1:-1]) - 0.07
    back, fore = first - 0.6 * (first - outline[0][0]), last + 0.6 * (outline[-1][0] - last)
    panes = [((back, low), (first, high), (middle - 0.05, high), (middle - 0.05, low))]
    panes.append(((middle + 0.05, low), (middle + 0.05, high), (last, high), (fore, low)))
    return [Part('car', 'glass', facing, np.array([(at, up, z + forward) for forward, up in pane])) for pane in panes]


def _end(rng: Rng, name: str, x: Span, z: float, *, shoulder: float, oncoming: bool) -> Thing:
    """Lamps, plate and bumper at the near end."""
    low = shoulder - 0.42
    parts = [Part(name, 'bumper', 'front', upright(x[0] + 0.02, x[1] - 0.02, low - 0.04, low + 0.12, z))]
    middle = sum(x) / 2
    parts.append(Part(name, 'plate', 'front', upright(middle - 0.26, middle + 0.26, low + 0.13, low + 0.24, z)))
    if oncoming:
        grille = upright(middle - 0.4, middle + 0.4, shoulder - 0.22, shoulder - 0.06, z)
        parts.append(Part(name, 'tyre', 'front', grille))
    lamp = ('head light' if rng.random() < 0.8 else 'lamp glass') if oncoming else 'tail light'
    width = rng.uniform(0.22, 0.36)
    for left in (x[0] + 0.05, x[1] - 0.05 - width):
        parts.append(Part(name, lamp, 'front', upright(left, left + width, shoulder - 0.2, shoulder - 0.04, z)))
    return parts


def _wheels(name: str, x: Span, middles: list[float], radius: float) -> Thing:
    """Wheels along both sides with their hubs, and the near pair from behind."""
    near = min(middles) - radius
    parts = [Part(name, 'tyre', 'front', upright(at, at + 0.2, 0, radius, near)) for at in (x[0] + 0.02, x[1] - 0.22)]
    for at, facing in ((x[0] - 0.01, 'left'), (x[1] + 0.01, 'right')):
        for middle in middles:
            parts.append(Part(name, 'tyre', facing, side_disc(at, radius, middle, radius)))
            parts.append(Part(name, 'hub', facing, side_disc(at, radius, middle, radius * 0.6)))
    return parts


def bus(rng: Rng, x: float, z: float, oncoming: bool) -> Thing:
    return _coach(rng, 'bus', (x, z), (2.5, 3.0, rng.uniform(9, 12)), oncoming)


def tram(rng: Rng, x: float, z: float, oncoming: bool) -> Thing:
    """A tram with its current collector."""
    parts = _coach(rng, 'train', (x, z), (2.4, 3.4, rng.uniform(18, 30)), oncoming)
    arms = [((x - 0.5, 3.4), (x + 0.1, 4.0)), ((x + 0.1, 4.0), (x - 0.3, 4.6)), ((x - 0.8, 4.6), (x + 0.6, 4.6))]
    return [*[Part('train', 'chassis', 'front', bar(*arm, z + 3, 0.1)) for arm in arms], *parts]


def _coach(rng: Rng, name: str, at: Span, size: tuple[float, float, float], oncoming: bool) -> Thing:
    """A block of (width, height, length) metres; the windows along its sides are painted by their texture."""
    (x, z), (width, height, length) = at, size
    sides = (x - width / 2, x + width / 2)
    parts = box(name, name, sides, (0.32, height), (z, z + length))
    count = max(2, int(length // 5))
    parts += _wheels(name, sides, [z + 1.6 + i * (length - 3.2) / (count - 1) for i in range(count)], 0.48)
    left, right = sides[0] + 0.15, sides[1] - 0.15
    parts.append(Part(name, 'glass', 'front', upright(left, right, 1.15, height - 0.55, z)))
    parts.append(Part(name, 'display', 'front', upright(left + 0.4, right - 0.4, height - 0.45, height - 0.15, z)))
    if name == 'train':
        parts.append(Part(name, 'stripe', 'front', upright(*sides, 0.8, 1.0, z)))
    return parts + _end(rng, name, sides, z, shoulder=1.0, oncoming=oncoming)


def truck(rng: Rng, x: float, z: float, oncoming: bool) -> Thing:
    """A box body behind a cab of another colour."""
    height, length = rng.uniform(2.7, 3.5), rng.uniform(4.5, 8)
    sides = (x - 1.2, x + 1.2)
    load, cab = ((z + 1.7, z + 1.7 + length), (z, z + 1.6))
    if not oncoming:
        load, cab = ((z, z + length), (z + length + 0.1, z + length + 1.7))
    blocks = [box('truck', 'truck', sides, (0.9, height), load), _cab(x, cab)]
    under = Part('truck', 'chassis', 'front', upright(x - 1.1, x + 1.1, 0.4, 0.9, load[0]))
    parts = [under, *[part for block in (blocks if oncoming else blocks[::-1]) for part in block]]
    if not oncoming:  # the doors of the load
        parts.append(Part('truck', 'chassis', 'front', upright(x - 0.02, x + 0.02, 0.95, height - 0.1, z)))
    parts += _wheels('truck', sides, [cab[0] + 0.8, load[0] + length * 0.25, load[0] + length * 0.75], 0.48)
    return parts + _end(rng, 'truck', sides, z, shoulder=0.95, oncoming=oncoming)


def _cab(x: float, z: Span) -> Thing:
    parts = box('truck', 'cab', (x - 1.1, x + 1.1), (0.45, 2.45), z)
    for at, facing in ((x - 1.11, 'left'), (x + 1.11, 'right')):
        parts.append(Part('truck', 'glass', facing, along((at, 1.4), (at, 2.2), z[0] + 0.3, z[0] + 1.2)))
    return [*parts, Part('truck', 'glass', 'front', upright(x - 0.98, x + 0.98, 1.35, 2.25, z[0]))]

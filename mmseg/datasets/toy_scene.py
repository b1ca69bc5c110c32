"""A toy street with everything in it: the sampler that both domains share. How it looks is ``toy_style``'s."""

from collections.abc import Callable, Iterator

import numpy as np

from mmseg.datasets.toy_shapes import NEAR, Part, Rng, Street, Thing, along, disc, upright
from mmseg.datasets.toy_things import sample_things

FAR = 110.0  # metres; where the street ends
FLOOR = 3.0  # metres, height of a storey


def sample_scene(rng: Rng) -> tuple[Street, list[Thing]]:
    """Draw one street with everything in it, far things first."""
    street = Street(
        half_road=rng.uniform(3.6, 6.5),
        pavement=rng.uniform(1.8, 4.0),
        verge=rng.choice([0.0, rng.uniform(1.5, 5.0)]),
        bend=rng.normal(0, 8),
    )
    things = [_horizon(rng), _ground(street), *_markings(rng, street)]
    for side in (-1, 1):
        things += _row_of_houses(rng, street, side)
    return street, things + sorted(sample_things(rng, street), key=_depth, reverse=True)


def _depth(thing: Thing) -> float:
    return min(float(part.points[:, 2].min()) for part in thing)


def _horizon(rng: Rng) -> Thing:
    """Sky, clouds, and the town at the end of the street."""
    parts = [Part('sky', 'sky', 'front', upright(-300, 300, -5, 300, FAR * 1.2))]
    for _ in range(rng.integers(0, 4)):
        x, y, width = rng.uniform(-70, 70), rng.uniform(15, 50), rng.uniform(8, 25)
        parts.append(Part('sky', 'cloud', 'front', disc(x, y, FAR * 1.19, width, width * 0.25)))
    for x in range(-120, 120, 12):
        if rng.random() < 0.55:
            height, material = rng.uniform(4, 18), rng.choice(['facade', 'facade2'])
            parts.append(Part('building', material, 'front', upright(x, x + 12.5, -1, height, FAR * 1.1)))
        else:
            parts.append(Part('vegetation', 'leaf', 'front', disc(x + 6, 2, FAR * 1.1, 9, rng.uniform(3, 9))))
    return parts


def _ground(street: Street) -> Thing:
    parts = [Part('terrain', 'grass', 'up', along((-90, 0), (90, 0), NEAR, FAR))]
    parts.append(Part('sidewalk', 'pavement', 'up', along((-street.kerb, 0), (street.kerb, 0), NEAR, FAR)))
    parts.append(Part('road', 'asphalt', 'up', along((-street.half_road, 0), (street.half_road, 0), NEAR, FAR)))
    for side in (-1, 1):
        x = side * street.half_road
        parts.append(Part('sidewalk', 'kerbstone', 'up', along((x, 0), (x + side * 0.25, 0), NEAR, FAR)))
    return parts


def _markings(rng: Rng, street: Street) -> Iterator[Thing]:
    """A dashed centre line, and sometimes a zebra crossing."""
    yield [Part('road', 'marking', 'up', along((-0.08, 0), (0.08, 0), z, z + 3)) for z in range(2, 60, 6)]
    if rng.random() < 0.25:
        z, stripes = rng.uniform(7, 20), np.arange(-street.half_road + 0.5, street.half_road - 0.5, 1.0)
        yield [Part('road', 'marking', 'up', along((x, 0), (x + 0.5, 0), z, z + 3)) for x in stripes]


def _row_of_houses(rng: Rng, street: Street, side: int) -> list[Thing]:
    """Houses, walls, fences and gardens along one side, far ones first."""
    things, z = [], 3.0
    while z < FAR:
        length = rng.uniform(7, 16)
        kind = rng.choice(['house', 'wall', 'fence', 'garden'], p=[0.58, 0.13, 0.15, 0.14])
        things.append(_BORDERS[kind](rng, side * street.front, (z, min(z + length, FAR))))
        z += length
    return things[::-1]


def _house(rng: Rng, x: float, z: tuple[float, float]) -> Thing:
    floors, facing = rng.integers(2, 6), 'left' if x > 0 else 'right'
    material, height = rng.choice(['facade', 'facade2']), floors * FLOOR + 1
    outer = x + np.sign(x) * 12
    parts = [
        Part('building', 'roof', 'front', upright(min(x, outer), max(x, outer), 0, height, z[0])),
        Part('building', material, facing, along((x, 0), (x, height), *z)),
    ]
    if z[0] > 45:  # windows would be smaller than a pixel
        return parts
    if rng.random() < 0.4:
        parts.append(Part('building', 'shop', facing, along((x, 0), (x, 2.8), *z)))
    columns = np.arange(z[0] + 0.8, z[1] - 1.6, 2.4)
    for floor in range(1, floors):
        for column in columns:
            low = floor * FLOOR + 0.7
            window = along((x, low), (x, low + 1.6), column, column + 1.2)
            parts.append(Part('building', 'window', facing, window))
    return parts


def _wall(rng: Rng, x: float, z: tuple[float, float]) -> Thing:
    height, facing = rng.uniform(2.0, 3.2), 'left' if x > 0 else 'right'
    return [
        *_greenery(rng, x + np.sign(x) * 4, z),
        Part('wall', 'wall', facing, along((x, 0), (x, height), *z)),
        Part('wall', 'coping', facing, along((x, height), (x, height + 0.2), *z)),
    ]


def _fence(rng: Rng, x: float, z: tuple[float, float]) -> Thing:
    """Rails and stakes; labelled as a whole, as annotators do, so the plane between them is fence too."""
    height, facing = rng.uniform(1.3, 1.9), 'left' if x > 0 else 'right'
    parts = [*_greenery(rng, x + np.sign(x) * 4, z), Part('fence', 'mesh', facing, along((x, 0), (x, height), *z))]
    for stake in np.arange(z[0], min(z[1], 40), 0.8):
        parts.append(Part('fence', 'stake', facing, along((x, 0), (x, height), stake, stake + 0.2)))
    return parts


def _garden(rng: Rng, x: float, z: tuple[float, float]) -> Thing:
    hedge = Part('vegetation', 'hedge', 'left' if x > 0 else 'right', along((x, 0), (x, rng.uniform(0.8, 1.6)), *z))
    return [*_greenery(rng, x + np.sign(x) * 5, z), hedge]


def _greenery(rng: Rng, x: float, z: tuple[float, float]) -> Thing:
    depths = np.sort(rng.uniform(*z, size=3))[::-1]
    return [
        Part('vegetation', 'leaf', 'front', disc(x + rng.normal(0, 1), rng.uniform(2, 4), depth, 3, rng.uniform(2, 4)))
        for depth in depths
    ]


_BORDERS: dict[str, Callable[[Rng, float, tuple[float, float]], Thing]] = {
    'house': _house,
    'wall': _wall,
    'fence': _fence,
    'garden': _garden,
}

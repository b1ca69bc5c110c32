"""A toy street with everything in it: the sampler that both domains share. How it looks is ``style``'s."""

from collections.abc import Iterator

import numpy as np

from mmseg.datasets.toy.houses import border
from mmseg.datasets.toy.plants import clump
from mmseg.datasets.toy.posts import wires
from mmseg.datasets.toy.shapes import NEAR, Part, Rng, Street, Thing, flat, upright
from mmseg.datasets.toy.things import sample_things

FAR = 110.0  # metres; where the street ends


def sample_scene(rng: Rng) -> tuple[Street, list[Thing]]:
    """Draw one street with everything in it, far things first."""
    street = Street(
        half_road=rng.uniform(3.6, 6.5),
        pavement=rng.uniform(1.8, 4.0),
        verge=rng.choice([0.0, rng.uniform(1.5, 5.0)]),
        bend=rng.normal(0, 8),
    )
    things = [_horizon(rng), wires(rng), _ground(street), *_markings(rng, street), _covers(rng, street)]
    for side in (-1, 1):
        things += _row_of_houses(rng, street, side)
    return street, things + sorted(sample_things(rng, street), key=_depth, reverse=True)


def _depth(thing: Thing) -> float:
    return min(float(part.points[:, 2].min()) for part in thing)


def _horizon(rng: Rng) -> Thing:
    """The sky, and the town at the end of the street."""
    parts = [Part('sky', 'sky', 'front', upright(-300, 300, -5, 300, FAR * 1.2))]
    x = -130.0
    while x < 130:
        width = rng.uniform(7, 18)
        if rng.random() < 0.55:
            parts.append(Part('building', 'skyline', 'front', upright(x, x + width, -1, rng.uniform(5, 22), FAR * 1.1)))
        else:
            height = rng.uniform(3, 9)
            trees = [clump(rng, (x + i * width / 3, height * 0.5), FAR * 1.1, height * 0.6) for i in range(4)]
            parts += [Part('vegetation', 'leaf', 'front', tree) for tree in trees]
        x += width * 0.95
    return parts


def _ground(street: Street) -> Thing:
    parts = [Part('terrain', 'grass', 'up', flat((-90, 90), (NEAR, FAR)))]
    parts.append(Part('sidewalk', 'pavement', 'up', flat((-street.kerb, street.kerb), (NEAR, FAR))))
    parts.append(Part('road', 'asphalt', 'up', flat((-street.half_road, street.half_road), (NEAR, FAR))))
    for side in (-1, 1):
        x = side * street.half_road
        parts.append(Part('road', 'gutter', 'up', flat((x - side * 0.3, x), (NEAR, FAR))))
        parts.append(Part('sidewalk', 'kerbstone', 'up', flat((x, x + side * 0.22), (NEAR, FAR))))
    return parts


def _markings(rng: Rng, street: Street) -> Iterator[Thing]:
    """A dashed centre line, sometimes lines along the edges, a zebra crossing, a stop line or an arrow."""
    yield [Part('road', 'marking', 'up', flat((-0.08, 0.08), (z, z + 3))) for z in range(2, 60, 6)]
    if rng.random() < 0.35:
        edge = street.half_road - rng.uniform(0.5, 2.1)
        yield [Part('road', 'marking', 'up', flat((side * edge, side * edge + 0.12), (NEAR, 70))) for side in (-1, 1)]
    z = rng.uniform(7, 20)
    chance = rng.random()
    if chance < 0.25:
        stripes = np.arange(-street.half_road + 0.5, street.half_road - 0.5, 1.0)
        yield [Part('road', 'marking', 'up', flat((x, x + 0.5), (z, z + 3))) for x in stripes]
    elif chance < 0.4:
        yield [Part('road', 'marking', 'up', flat((0.2, street.half_road - 0.3), (z, z + 0.4)))]
    elif chance < 0.55:
        x = street.half_road / 2
        head = np.array([(x - 0.45, 0, z + 2), (x, 0, z + 3.4), (x + 0.45, 0, z + 2)])
        shaft = Part('road', 'marking', 'up', flat((x - 0.1, x + 0.1), (z, z + 2)))
        yield [shaft, Part('road', 'marking', 'up', head)]


def _covers(rng: Rng, street: Street) -> Thing:
    """Manhole covers and mended places of the road."""
    parts = []
    for _ in range(rng.poisson(1.5)):
        x, z = rng.uniform(-0.9, 0.7) * street.half_road, rng.uniform(4, 30)
        parts.append(Part('road', 'patch', 'up', flat((x, x + rng.uniform(0.8, 2.5)), (z, z + rng.uniform(1, 6)))))
    for _ in range(rng.poisson(1.0)):
        x, z = rng.uniform(-0.8, 0.8) * street.half_road, rng.uniform(4, 20)
        ring = [
            (0.32, 0),
            (0.23, 0.23),
            (0, 0.32),
            (-0.23, 0.23),
            (-0.32, 0),
            (-0.23, -0.23),
            (0, -0.32),
            (0.23, -0.23),
        ]
        parts.append(Part('road', 'cover', 'up', np.array([(x + right, 0, z + forward) for right, forward in ring])))
    return parts


def _row_of_houses(rng: Rng, street: Street, side: int) -> list[Thing]:
    """What borders one side, far things first."""
    things, z = [], 3.0
    while z < FAR:
        length = rng.uniform(7, 16)
        things.append(border(rng, side * street.front, (z, min(z + length, FAR))))
        z += length
    return things[::-1]

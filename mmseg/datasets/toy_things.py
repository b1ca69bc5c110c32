"""What stands and drives in a toy street: vehicles, people, trees, posts. Each draws its own place and size."""

from collections.abc import Callable, Iterator

import numpy as np

from mmseg.datasets.toy_shapes import NEAR, Part, Rng, Street, Thing, along, bar, box, disc, upright

# How many of a kind stand in one street, on average (Poisson). Rare classes are rare, as in a real city.
EXPECTED = {
    'car': 2.6,
    'truck': 0.2,
    'bus': 0.18,
    'train': 0.16,
    'person': 2.2,
    'rider on bicycle': 0.25,
    'rider on motorcycle': 0.2,
    'bicycle': 0.25,
    'motorcycle': 0.16,
    'tree': 2.2,
    'street lamp': 2.2,
    'traffic light': 0.6,
    'traffic sign': 1.1,
}


def sample_things(rng: Rng, street: Street) -> Iterator[Thing]:
    """Draw everything that stands in ``street``, in no particular order."""
    for kind, mean in EXPECTED.items():
        for _ in range(rng.poisson(mean)):
            yield _PLACED[kind](rng, street)


def _distance(rng: Rng, nearest: float = 5.0) -> float:
    return float(nearest * np.exp(rng.uniform(0, 1.6)))


def _lane(rng: Rng, street: Street) -> float:
    """The middle of a lane other than our own nearest metres: oncoming, ahead, or parked at either kerb."""
    parked = street.half_road - 1.0
    return float(rng.choice([-street.half_road / 2, street.half_road / 2, -parked, parked, parked]))


def _on_pavement(rng: Rng, street: Street) -> float:
    return float(rng.choice([-1, 1]) * rng.uniform(street.half_road + 0.4, street.kerb - 0.3))


def _at_kerb(rng: Rng, street: Street) -> float:
    return float(rng.choice([-1, 1]) * (street.half_road + 0.4))


def _shadow(x: tuple[float, float], z: tuple[float, float]) -> Part:
    return Part('road', 'shadow', 'up', along((x[0] - 0.15, 0), (x[1] + 0.15, 0), max(z[0] - 0.3, NEAR), z[1] + 0.3))


def _wheels(name: str, x: tuple[float, float], z: tuple[float, float], radius: float) -> Thing:
    """Wheels below the back, and along the side that the camera sees."""
    seen, facing = (x[0], 'left') if sum(x) > 0 else (x[1], 'right')
    below = [upright(at, at + 0.3, 0, radius, z[0]) for at in (x[0] + 0.05, x[1] - 0.35)]
    beside = [along((seen, 0), (seen, 2 * radius), at, at + 2 * radius) for at in (z[0] + 0.5, z[1] - 1.1)]
    return [Part(name, 'tyre', facing, points) for points in beside] + [
        Part(name, 'tyre', 'front', points) for points in below
    ]


def _car(rng: Rng, street: Street) -> Thing:
    x, z = _lane(rng, street), _distance(rng)
    sides, ends = (x - 0.9, x + 0.9), (z, z + 4.2)
    cabin = ((x - 0.75, x + 0.75), (0.9, 1.5), (z + 0.5, z + 3.0))
    seen, facing = (cabin[0][0] - 0.01, 'left') if x > 0 else (cabin[0][1] + 0.01, 'right')
    parts = [_shadow(sides, ends), *box('car', 'car', sides, (0.25, 0.9), ends), *_wheels('car', sides, ends, 0.32)]
    parts += box('car', 'car', *cabin)
    parts.append(Part('car', 'glass', facing, along((seen, 0.98), (seen, 1.42), z + 0.7, z + 2.8)))
    parts.append(Part('car', 'glass', 'front', upright(x - 0.65, x + 0.65, 0.98, 1.42, z + 0.5)))
    lamps = 'tail light' if x > 0 else 'head light'
    return parts + [Part('car', lamps, 'front', upright(at, at + 0.3, 0.62, 0.8, z)) for at in (x - 0.85, x + 0.55)]


def _long_vehicle(name: str, x: float, z: float, size: tuple[float, float, float], windows: bool) -> Thing:
    """A block of (width, height, length) metres on wheels; buses and trains have a band of windows."""
    width, height, length = size
    sides, ends = (x - width / 2, x + width / 2), (z, z + length)
    parts = [_shadow(sides, ends), *_wheels(name, sides, ends, 0.5), *box(name, name, sides, (0.45, height), ends)]
    if windows:
        seen, facing = (sides[0], 'left') if x > 0 else (sides[1], 'right')
        for at in np.arange(z + 0.4, z + length - 1.2, 1.6):
            parts.append(Part(name, 'glass', facing, along((seen, 1.4), (seen, height - 0.6), at, at + 1.3)))
        parts.append(Part(name, 'glass', 'front', upright(sides[0] + 0.2, sides[1] - 0.2, 1.5, height - 0.6, z)))
        parts.append(Part(name, 'stripe', 'front', upright(*sides, 0.9, 1.1, z)))
    return parts


def _truck(rng: Rng, street: Street) -> Thing:
    """A box body behind a lower cab of another colour; seen from the front when it comes towards us."""
    x, z = _lane(rng, street), _distance(rng, 7)
    body = _long_vehicle('truck', x, z, (2.4, rng.uniform(2.9, 3.6), rng.uniform(5, 8)), windows=False)
    low = Part('truck', 'chassis', 'front', upright(x - 1.2, x + 1.2, 0.45, 0.95, z))
    if x > 0:
        return [*body, low]
    cab = Part('truck', 'cab', 'front', upright(x - 1.15, x + 1.15, 0.5, 2.3, z))
    return [*body, cab, low, Part('truck', 'glass', 'front', upright(x - 1.0, x + 1.0, 1.4, 2.1, z))]


def _bus(rng: Rng, street: Street) -> Thing:
    x, z = _lane(rng, street), _distance(rng, 7)
    return _long_vehicle('bus', x, z, (2.5, 3.0, rng.uniform(9, 12)), windows=True)


def _train(rng: Rng, street: Street) -> Thing:
    """A tram in its own lane, with its current collector."""
    x, z = -street.half_road / 2, _distance(rng, 7)
    parts = _long_vehicle('train', x, z, (2.4, 3.5, rng.uniform(18, 30)), windows=True)
    return [*parts, Part('train', 'chassis', 'front', bar((x - 0.6, 3.5), (x + 0.6, 4.3), z + 2, 0.15))]


def _figure(name: str, x: float, z: float, *, foot: float, height: float, stride: float) -> Thing:
    """Legs, body, arm and head of somebody whose feet are ``foot`` metres above the ground."""
    hip, neck = foot + 0.48 * height, foot + 0.84 * height
    legs = [bar((x, hip), (x + way * stride, foot), z, 0.17) for way in (-1, 1)]
    body = np.array([(x - 0.2, hip, z), (x - 0.25, neck, z), (x + 0.25, neck, z), (x + 0.2, hip, z)])
    return [
        *[Part(name, 'trousers', 'front', leg) for leg in legs],
        Part(name, 'coat', 'front', body),
        Part(name, 'skin', 'front', disc(x, foot + 0.92 * height, z, 0.12, 0.15)),
    ]


def _person(rng: Rng, street: Street) -> Thing:
    x, z = _on_pavement(rng, street), _distance(rng, 4)
    return _figure('person', x, z, foot=0, height=rng.uniform(1.4, 1.9), stride=rng.uniform(0.05, 0.3))


def _bike(x: float, z: float) -> Thing:
    """A bicycle from the side: two rings and a frame."""
    wheels = [
        Part('bicycle', material, 'front', disc(at, 0.36, z, size, size))
        for at in (x - 0.5, x + 0.5)
        for material, size in (('tyre', 0.36), ('spokes', 0.28))
    ]
    tubes = [((x - 0.5, 0.36), (x - 0.1, 0.85)), ((x - 0.1, 0.85), (x + 0.4, 0.85)), ((x + 0.4, 0.95), (x + 0.5, 0.36))]
    tubes += [((x - 0.5, 0.36), (x, 0.36)), ((x, 0.36), (x + 0.4, 0.8))]
    return wheels + [Part('bicycle', 'bicycle', 'front', bar(*tube, z, 0.09)) for tube in tubes]


def _moped(x: float, z: float) -> Thing:
    body = np.array([(x - 0.8, 0.5, z), (x - 0.7, 0.85, z), (x, 0.75, z), (x + 0.5, 1.1, z), (x + 0.6, 0.4, z)])
    return [
        *[Part('motorcycle', 'tyre', 'front', disc(at, 0.32, z, 0.32, 0.32)) for at in (x - 0.65, x + 0.65)],
        Part('motorcycle', 'motorcycle', 'front', body),
    ]


def _ridden(rng: Rng, street: Street, vehicle: Callable[[float, float], Thing]) -> Thing:
    """Somebody in a helmet on a two-wheeler."""
    x, z = rng.uniform(-0.9, 0.9) * street.half_road, _distance(rng, 4)
    rider = _figure('rider', x, z, foot=0.35, height=rng.uniform(1.3, 1.5), stride=0.3)
    helmet = Part('rider', 'helmet', 'front', disc(x, rider[-1].points[:, 1].mean() + 0.06, z, 0.16, 0.15))
    return [*vehicle(x, z), *rider, helmet]


def _tree(rng: Rng, street: Street) -> Thing:
    side, z = rng.choice([-1, 1]), _distance(rng, 6)
    x, height = side * (street.kerb - 0.2 + rng.uniform(0, 1)), rng.uniform(3.5, 6)
    trunk = Part('vegetation', 'bark', 'front', bar((x, 0), (x, height), z, 0.3))
    crown = [
        disc(x + rng.normal(0, 0.7), height + rng.normal(0.3, 0.6), z, rng.uniform(0.9, 1.7), rng.uniform(0.8, 1.5))
        for _ in range(5)
    ]
    return [trunk, *[Part('vegetation', 'leaf', 'front', points) for points in crown]]


def _post(name: str, x: float, z: float, height: float) -> Part:
    return Part(name, 'post', 'front', bar((x, 0), (x, height), z, 0.16))


def _lamp(rng: Rng, street: Street) -> Thing:
    x, z, height = _at_kerb(rng, street), _distance(rng, 4), rng.uniform(5, 7)
    arm = bar((x, height), (x - np.sign(x) * 1.2, height + 0.2), z, 0.12)
    return [_post('pole', x, z, height), Part('pole', 'post', 'front', arm)]


def _traffic_light(rng: Rng, street: Street) -> Thing:
    x, z = _at_kerb(rng, street), _distance(rng, 4)
    lit = rng.integers(3)
    lamps = [('red', 3.55), ('amber', 3.25), ('green', 2.95)]
    return [
        _post('pole', x, z, 3.0),
        Part('traffic light', 'signal case', 'front', upright(x - 0.24, x + 0.24, 2.75, 3.75, z)),
        *[
            Part('traffic light', name if i == lit else 'off', 'front', disc(x, y, z, 0.13, 0.13))
            for i, (name, y) in enumerate(lamps)
        ],
    ]


def _traffic_sign(rng: Rng, street: Street) -> Thing:
    x, z, y = _at_kerb(rng, street), _distance(rng, 4), rng.uniform(2.3, 2.9)
    post, material = _post('pole', x, z, y), rng.choice(['red sign', 'blue sign', 'yellow sign'])
    if material == 'red sign':
        rim, inner = disc(x, y, z, 0.42, 0.42), disc(x, y, z, 0.28, 0.28)
    else:
        rim, inner = upright(x - 0.4, x + 0.4, y - 0.4, y + 0.4, z), upright(x - 0.12, x + 0.12, y - 0.25, y + 0.25, z)
    return [post, Part('traffic sign', material, 'front', rim), Part('traffic sign', 'white', 'front', inner)]


_PLACED: dict[str, Callable[[Rng, Street], Thing]] = {
    'car': _car,
    'truck': _truck,
    'bus': _bus,
    'train': _train,
    'person': _person,
    'rider on bicycle': lambda rng, street: _ridden(rng, street, _bike),
    'rider on motorcycle': lambda rng, street: _ridden(rng, street, _moped),
    'bicycle': lambda rng, street: _bike(_on_pavement(rng, street), _distance(rng, 4)),
    'motorcycle': lambda rng, street: _moped(_at_kerb(rng, street), _distance(rng, 4)),
    'tree': _tree,
    'street lamp': _lamp,
    'traffic light': _traffic_light,
    'traffic sign': _traffic_sign,
}

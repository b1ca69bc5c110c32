"""Posts of the toy streets and what hangs on them: lamps, traffic lights, signs, wires."""

import numpy as np

from mmseg.datasets.toy.shapes import Part, Rng, Thing, bar, disc, facing_us, upright


def post(x: float, z: float, height: float, width: float = 0.13) -> Part:
    return Part('pole', 'post', 'front', bar((x, 0), (x, height), z, width))


def street_lamp(rng: Rng, x: float, z: float) -> Thing:
    height, way = rng.uniform(5, 7.5), -float(np.sign(x))
    if rng.random() < 0.25:  # a low one with a globe
        height = rng.uniform(3.2, 4.2)
        return [post(x, z, height), Part('pole', 'lamp', 'front', disc(x, height + 0.2, z, 0.24, 0.24))]
    reach = rng.uniform(1.0, 1.8)
    arm = bar((x, height), (x + way * reach, height + 0.3), z, 0.1)
    head = bar((x + way * reach, height + 0.3), (x + way * (reach + 0.6), height + 0.28), z, 0.17)
    return [post(x, z, height, 0.16), Part('pole', 'post', 'front', arm), Part('pole', 'lamp', 'front', head)]


def power_pole(rng: Rng, x: float, z: float) -> Thing:
    """A wooden pole with a cross-arm."""
    height = rng.uniform(6, 8)
    arms = [bar((x - 0.9, y), (x + 0.9, y), z, 0.12) for y in (height - 0.3, height - 0.9)]
    pole = Part('pole', 'wood', 'front', bar((x, 0), (x, height), z, 0.24))
    return [pole, *[Part('pole', 'wood', 'front', arm) for arm in arms]]


def bollards(rng: Rng, x: float, z: float) -> Thing:
    """A row of low posts along the kerb, far ones first."""
    places = [z + 1.6 * i for i in range(int(rng.integers(2, 6)))]
    return [post(x, at, 0.95, 0.14) for at in places[::-1]]


def wires(rng: Rng) -> Thing:
    """Cables across the sky; they are too thin for a class of their own, so the sky's stays."""
    parts = []
    for _ in range(int(rng.integers(0, 4))):
        z, height, sag = rng.uniform(12, 40), rng.uniform(7, 10), rng.uniform(0.3, 1.2)
        left, right = -20.0, 20.0
        steps = [left + (right - left) * i / 10 for i in range(11)]
        upper = [(x, height + sag * ((x / 20) ** 2 - 1)) for x in steps]
        lower = [(x, y - 0.035) for x, y in upper[::-1]]
        parts.append(Part('sky', 'wire', 'front', facing_us(upper + lower, z)))
    return parts


def traffic_light(rng: Rng, x: float, z: float) -> Thing:
    """A signal on a post, sometimes a second one on an arm over the road."""
    lit = int(rng.integers(3))
    parts = [post(x, z, 3.0)]
    if rng.random() < 0.35:
        way, height = -float(np.sign(x)), rng.uniform(5.2, 5.8)
        parts = [
            post(x, z, height, 0.17),
            Part('pole', 'post', 'front', bar((x, height), (x + way * 3.2, height), z, 0.13)),
        ]
        parts += _signal((x + way * 3.0, height - 0.7), z, lit)
    return parts + _signal((x, 3.1), z, lit)


def _signal(at: tuple[float, float], z: float, lit: int) -> Thing:
    x, y = at
    parts = [Part('traffic light', 'signal case', 'front', upright(x - 0.24, x + 0.24, y - 0.55, y + 0.55, z))]
    for i, (name, up) in enumerate((('red', 0.34), ('amber', 0.0), ('green', -0.34))):
        material = name if i == lit else 'off'
        parts.append(Part('traffic light', material, 'front', disc(x, y + up, z, 0.14, 0.14)))
    return parts


def traffic_signs(rng: Rng, x: float, z: float) -> Thing:
    """A post with one to three signs, one below the other."""
    count = int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))
    top = rng.uniform(2.3, 2.7) + 0.35 * (count - 1)
    parts = [post(x, z, top + 0.3, 0.1)]
    for i in range(count):
        parts += _SIGNS[int(rng.integers(len(_SIGNS)))](x, top - 0.84 * i, z)
    return parts


def _pair(outer: tuple[str, np.ndarray], inner: tuple[str, np.ndarray]) -> Thing:
    return [Part('traffic sign', material, 'front', points) for material, points in (outer, inner)]


def _ban(x: float, y: float, z: float) -> Thing:
    return _pair(('red sign', disc(x, y, z, 0.4, 0.4)), ('white', disc(x, y, z, 0.28, 0.28)))


def _speed(x: float, y: float, z: float) -> Thing:
    digits = [upright(x + left, x + left + 0.14, y - 0.14, y + 0.14, z) for left in (-0.18, 0.04)]
    return [*_ban(x, y, z), *[Part('traffic sign', 'signal case', 'front', digit) for digit in digits]]


def _warning(x: float, y: float, z: float) -> Thing:
    def triangle(size: float) -> np.ndarray:
        return facing_us([(x - size, y - size * 0.65), (x, y + size), (x + size, y - size * 0.65)], z)

    mark = Part('traffic sign', 'signal case', 'front', upright(x - 0.04, x + 0.04, y - 0.15, y + 0.14, z))
    return [*_pair(('red sign', triangle(0.46)), ('white', triangle(0.29))), mark]


def _parking(x: float, y: float, z: float) -> Thing:
    outer, inner = upright(x - 0.36, x + 0.36, y - 0.36, y + 0.36, z), upright(x - 0.1, x + 0.14, y - 0.02, y + 0.22, z)
    stem = Part('traffic sign', 'white', 'front', upright(x - 0.16, x - 0.06, y - 0.24, y + 0.22, z))
    return [*_pair(('blue sign', outer), ('white', inner)), stem]


def _round_blue(x: float, y: float, z: float) -> Thing:
    return _pair(('blue sign', disc(x, y, z, 0.38, 0.38)), ('white', bar((x, y - 0.22), (x, y + 0.22), z, 0.1)))


def _priority(x: float, y: float, z: float) -> Thing:
    def diamond(size: float) -> np.ndarray:
        return facing_us([(x - size, y), (x, y + size), (x + size, y), (x, y - size)], z)

    return _pair(('white', diamond(0.46)), ('yellow sign', diamond(0.34)))


def _stop(x: float, y: float, z: float) -> Thing:
    corners = [
        (0.4, 0.17),
        (0.17, 0.4),
        (-0.17, 0.4),
        (-0.4, 0.17),
        (-0.4, -0.17),
        (-0.17, -0.4),
        (0.17, -0.4),
        (0.4, -0.17),
    ]
    octagon = facing_us([(x + right, y + up) for right, up in corners], z)
    return _pair(('red sign', octagon), ('white', upright(x - 0.28, x + 0.28, y - 0.08, y + 0.08, z)))


def _direction(x: float, y: float, z: float) -> Thing:
    board = [(x - 0.6, y - 0.2), (x - 0.6, y + 0.2), (x + 0.6, y + 0.2), (x + 0.8, y), (x + 0.6, y - 0.2)]
    text = upright(x - 0.45, x + 0.4, y - 0.05, y + 0.06, z)
    return _pair(('yellow sign', facing_us(board, z)), ('signal case', text))


_SIGNS = (_ban, _speed, _warning, _parking, _round_blue, _priority, _stop, _direction)

"""People of the toy streets on foot, and what riders share with them."""

from collections.abc import Callable, Sequence

import numpy as np

from mmseg.datasets.toy.shapes import Part, Rng, Thing, bar, disc, facing_us, tapered, upright

At = tuple[float, float]
Placed = Callable[[float, float], At]  # (right, up) in metres of a figure 1.75 m tall -> (x, y) in the street


def person(rng: Rng, x: float, z: float) -> Thing:
    """Somebody on foot: walking to a side, or standing; some carry a bag, some are children."""
    size = (rng.uniform(1.05, 1.35) if rng.random() < 0.15 else rng.uniform(1.58, 1.92)) / 1.75
    way = rng.choice([-1.0, 1.0])

    def place(right: float, up: float) -> At:
        return x + way * size * right, size * up

    parts = _walking(rng, place, z, size) if rng.random() < 0.6 else _standing(rng, place, z, size)
    return parts + head(rng, 'person', place(0.02, 1.6), z, size)


def head(rng: Rng, name: str, at: At, z: float, size: float, *, helmet: bool = False) -> Thing:
    """A face with hair around it, from behind only hair, or a helmet."""
    x, y = at
    parts = [Part(name, 'skin', 'front', bar((x, y - 0.2 * size), at, z, 0.1 * size))]
    if helmet:
        return [
            *parts,
            Part(name, 'skin', 'front', disc(x, y, z, 0.1 * size, 0.13 * size)),
            Part(name, 'helmet', 'front', disc(x, y + 0.05 * size, z, 0.135 * size, 0.12 * size)),
        ]
    parts.append(Part(name, 'hair', 'front', disc(x, y + 0.025 * size, z, 0.115 * size, 0.14 * size)))
    if rng.random() < 0.65:
        parts.append(Part(name, 'skin', 'front', disc(x + 0.01, y - 0.015 * size, z, 0.09 * size, 0.115 * size)))
    return parts


def limb(name: str, material: str, joints: Sequence[At], z: float, widths: Sequence[float]) -> Thing:
    """Straight pieces from joint to joint, each as wide at its ends as the numbers of its joints say."""
    pieces = list(zip(joints, joints[1:], widths, widths[1:], strict=False))
    return [Part(name, material, 'front', tapered(a, b, z, first, last)) for a, b, first, last in pieces[::-1]]


def _walking(rng: Rng, place: Placed, z: float, size: float) -> Thing:
    stride = rng.uniform(0.12, 0.34)
    back = [place(0.0, 0.9), place(-stride * 0.2, 0.48), place(-stride - 0.08, 0.1)]
    fore = [place(0.0, 0.9), place(stride * 0.75, 0.5), place(stride, 0.06)]
    widths = (0.19 * size, 0.14 * size, 0.1 * size)
    parts = limb('person', 'trousers', back, z, widths) + limb('person', 'trousers', fore, z, widths)
    for foot in (place(-stride - 0.02, 0.06), place(stride + 0.06, 0.04)):
        parts.append(Part('person', 'shoe', 'front', disc(*foot, z, 0.13 * size, 0.055 * size)))
    arms = [[place(0, 1.4), place(-side * 0.16, 1.12), place(-side * 0.26 + 0.08, 0.88)] for side in (-1, 1)]
    sleeve = (0.13 * size, 0.11 * size, 0.08 * size)
    torso = [(-0.14, 0.84), (-0.17, 1.2), (-0.12, 1.46), (0.09, 1.46), (0.16, 1.25), (0.14, 0.84)]
    if rng.random() < 0.3:  # a long coat
        torso[0], torso[-1] = (-0.2, 0.55), (0.2, 0.55)
    parts += limb('person', 'coat', arms[0], z, sleeve)
    if rng.random() < 0.3:
        rucksack = [(-0.34, 1.0), (-0.34, 1.4), (-0.1, 1.43), (-0.1, 0.98)]
        parts.append(Part('person', 'bag', 'front', _outline(place, rucksack, z)))
    parts.append(Part('person', 'coat', 'front', _outline(place, torso, z)))
    parts += limb('person', 'sleeve', arms[1], z, sleeve)
    return parts + _hand(rng, place, arms[1][-1], z, size)


def _standing(rng: Rng, place: Placed, z: float, size: float) -> Thing:
    parts = []
    apart = rng.uniform(0.06, 0.14)
    for side in (-1, 1):
        joints = [place(side * 0.09, 0.9), place(side * apart, 0.48), place(side * apart, 0.05)]
        parts += limb('person', 'trousers', joints, z, (0.19 * size, 0.15 * size, 0.12 * size))
        parts.append(Part('person', 'shoe', 'front', disc(*place(side * apart, 0.04), z, 0.08 * size, 0.05 * size)))
    torso = [(-0.18, 0.84), (-0.2, 1.2), (-0.23, 1.4), (-0.1, 1.49), (0.1, 1.49), (0.23, 1.4), (0.2, 1.2), (0.18, 0.84)]
    style = rng.random()
    if style < 0.25:  # a skirt
        skirt = [(-0.17, 0.95), (-0.3, 0.5), (0.3, 0.5), (0.17, 0.95)]
        parts.append(Part('person', 'bag', 'front', _outline(place, skirt, z)))
    elif style < 0.5:
        torso[0], torso[-1] = (-0.24, 0.5), (0.24, 0.5)
    parts.append(Part('person', 'coat', 'front', _outline(place, torso, z)))
    for side in (-1, 1):
        arm = [place(side * 0.21, 1.4), place(side * 0.27, 1.12), place(side * 0.25, 0.85)]
        parts += limb('person', 'sleeve', arm, z, (0.13 * size, 0.11 * size, 0.08 * size))
    if rng.random() < 0.3:  # a rucksack
        rucksack = [(-0.16, 0.98), (-0.15, 1.4), (0.15, 1.4), (0.16, 0.98)]
        parts.append(Part('person', 'bag', 'front', _outline(place, rucksack, z)))
    return parts + _hand(rng, place, place(0.25, 0.85), z, size)


def _hand(rng: Rng, place: Placed, at: At, z: float, size: float) -> Thing:
    """A hand, sometimes with a bag in it."""
    x, y = at
    parts = [Part('person', 'skin', 'front', disc(x, y, z, 0.05 * size, 0.06 * size))]
    if rng.random() < 0.25:
        bag = upright(x - 0.16 * size, x + 0.16 * size, y - 0.42 * size, y - 0.1 * size, z)
        parts.append(Part('person', 'bag', 'front', bag))
    return parts


def _outline(place: Placed, corners: Sequence[At], z: float) -> np.ndarray:
    return facing_us([place(*corner) for corner in corners], z)

"""Bicycles and motorcycles of the toy streets, alone and ridden, from the side and from behind."""

from mmseg.datasets.toy.people import At, Placed, head, limb
from mmseg.datasets.toy.shapes import Part, Rng, Thing, bar, disc, facing_us, upright

SADDLE, PEDALS, FORK, GRIP = (-0.22, 0.92), (-0.02, 0.3), (0.36, 0.86), (0.34, 1.04)


def bicycle(rng: Rng, x: float, z: float) -> Thing:
    """A bicycle that stands there, mostly across the view."""
    if rng.random() < 0.8:
        return _bicycle_from_the_side(_mirrored(rng, x), z)
    return _bicycle_from_behind(x, z)


def rack(rng: Rng, x: float, z: float) -> Thing:
    """One to four parked bicycles, one behind the other."""
    count = int(rng.integers(1, 5))
    return [part for i in range(count)[::-1] for part in bicycle(rng, x + rng.normal(0, 0.15), z + 0.5 * i)]


def motorcycle(rng: Rng, x: float, z: float) -> Thing:
    return _motorcycle_from_the_side(_mirrored(rng, x), z) if rng.random() < 0.6 else _motorcycle_from_behind(x, z)


def cyclist(rng: Rng, x: float, z: float) -> Thing:
    """Somebody on a bicycle, crossing or riding ahead of us."""
    helmet = rng.random() < 0.6
    if rng.random() < 0.5:
        place = _mirrored(rng, x)
        pedal = rng.uniform(-0.1, 0.12)
        far = [place(-0.2, 0.98), place(0.2 - pedal, 0.74), place(-0.02 + pedal, 0.34)]
        near = [place(-0.2, 0.98), place(0.2 + pedal, 0.7 + pedal), place(-0.02 - pedal, 0.26)]
        lean = rng.uniform(0.0, 0.22)
        return [
            *limb('rider', 'trousers', far, z, (0.17, 0.13, 0.1)),
            *_bicycle_from_the_side(place, z),
            *limb('rider', 'trousers', near, z, (0.19, 0.14, 0.1)),
            Part('rider', 'shoe', 'front', disc(*place(0.04 - pedal, 0.24), z, 0.13, 0.06)),
            *_leaning(place, z, lean),
            *head(rng, 'rider', place(0.1 + lean, 1.76 - lean * 0.3), z, 1.05, helmet=helmet),
        ]
    return [*_bicycle_from_behind(x, z), *_from_behind(rng, x, z, hip=0.95, foot=(0.12, 0.36), helmet=helmet)]


def motorcyclist(rng: Rng, x: float, z: float) -> Thing:
    """Somebody with a helmet on a motorcycle or a scooter."""
    if rng.random() < 0.5:
        place = _mirrored(rng, x)
        leg = [place(-0.2, 0.82), place(0.22, 0.68), place(0.12, 0.3)]
        return [
            *_motorcycle_from_the_side(place, z),
            *limb('rider', 'trousers', leg, z, (0.22, 0.18, 0.13)),
            Part('rider', 'shoe', 'front', disc(*place(0.18, 0.27), z, 0.14, 0.07)),
            *_leaning(place, z, 0.05, down=0.12),
            *head(rng, 'rider', place(0.12, 1.62), z, 1.15, helmet=True),
        ]
    return [*_motorcycle_from_behind(x, z), *_from_behind(rng, x, z, hip=0.85, foot=(0.26, 0.34), helmet=True)]


def _mirrored(rng: Rng, x: float) -> Placed:
    way = rng.choice([-1.0, 1.0])
    return lambda right, up: (x + way * right, up)


def _bicycle_from_the_side(place: Placed, z: float) -> Thing:
    """Two wheels, what is between their spokes included, and a frame."""
    parts = []
    for at in (-0.52, 0.52):
        parts.append(Part('bicycle', 'tyre', 'front', disc(*place(at, 0.35), z, 0.35, 0.35)))
        parts.append(Part('bicycle', 'spokes', 'front', disc(*place(at, 0.35), z, 0.29, 0.29)))
        parts.append(Part('bicycle', 'tyre', 'front', disc(*place(at, 0.35), z, 0.05, 0.05)))
    axle, hub = (-0.52, 0.35), (0.52, 0.35)
    tubes = [
        (axle, PEDALS),
        (axle, SADDLE),
        (PEDALS, SADDLE),
        (PEDALS, FORK),
        (SADDLE, FORK),
        (hub, FORK),
        (FORK, GRIP),
    ]
    parts += [Part('bicycle', 'bicycle', 'front', bar(place(*a), place(*b), z, 0.06)) for a, b in tubes]
    parts.append(Part('bicycle', 'tyre', 'front', bar(place(-0.36, 0.97), place(-0.1, 0.96), z, 0.08)))
    return [*parts, Part('bicycle', 'tyre', 'front', bar(place(0.28, 1.06), place(0.46, 1.02), z, 0.06))]


def _bicycle_from_behind(x: float, z: float) -> Thing:
    return [
        Part('bicycle', 'bicycle', 'front', bar((x - 0.3, 1.05), (x + 0.3, 1.05), z + 0.6, 0.06)),
        Part('bicycle', 'bicycle', 'front', bar((x, 0.4), (x, 1.0), z, 0.07)),
        Part('bicycle', 'tyre', 'front', disc(x, 0.35, z, 0.06, 0.35)),
        Part('bicycle', 'tyre', 'front', bar((x - 0.12, 0.95), (x + 0.12, 0.95), z, 0.09)),
        Part('bicycle', 'tail light', 'front', upright(x - 0.06, x + 0.06, 0.72, 0.82, z)),
    ]


def _motorcycle_from_the_side(place: Placed, z: float) -> Thing:
    body = [
        (-0.75, 0.62),
        (-0.68, 0.84),
        (-0.1, 0.78),
        (0.12, 0.96),
        (0.42, 0.98),
        (0.46, 0.7),
        (0.2, 0.36),
        (-0.3, 0.32),
    ]
    parts = []
    for at in (-0.62, 0.66):
        parts.append(Part('motorcycle', 'tyre', 'front', disc(*place(at, 0.32), z, 0.32, 0.32)))
        parts.append(Part('motorcycle', 'chassis', 'front', disc(*place(at, 0.32), z, 0.18, 0.18)))
    seat = [(-0.72, 0.8), (-0.7, 0.9), (-0.1, 0.86), (-0.1, 0.76)]
    return [
        *parts,
        Part('motorcycle', 'chassis', 'front', bar(place(0.66, 0.32), place(0.4, 1.0), z, 0.09)),
        Part('motorcycle', 'motorcycle', 'front', facing_us([place(*corner) for corner in body], z)),
        Part('motorcycle', 'tyre', 'front', facing_us([place(*corner) for corner in seat], z)),
        Part('motorcycle', 'chassis', 'front', bar(place(0.28, 1.12), place(0.44, 1.0), z, 0.07)),
        Part('motorcycle', 'glass', 'front', bar(place(0.5, 1.25), place(0.58, 0.95), z, 0.07)),
        Part('motorcycle', 'chassis', 'front', bar(place(-0.8, 0.35), place(-0.1, 0.3), z, 0.1)),
    ]


def _motorcycle_from_behind(x: float, z: float) -> Thing:
    body = [(x - 0.2, 0.45), (x - 0.26, 0.8), (x - 0.12, 0.92), (x + 0.12, 0.92), (x + 0.26, 0.8), (x + 0.2, 0.45)]
    return [
        Part('motorcycle', 'chassis', 'front', bar((x - 0.42, 1.08), (x + 0.42, 1.08), z + 0.7, 0.07)),
        Part('motorcycle', 'tyre', 'front', upright(x - 0.09, x + 0.09, 0, 0.62, z)),
        Part('motorcycle', 'motorcycle', 'front', facing_us(body, z)),
        Part('motorcycle', 'tail light', 'front', upright(x - 0.09, x + 0.09, 0.72, 0.82, z)),
        Part('motorcycle', 'plate', 'front', upright(x - 0.1, x + 0.1, 0.5, 0.62, z)),
    ]


def _leaning(place: Placed, z: float, lean: float, down: float = 0.0) -> Thing:
    """Body and arms of somebody who holds a handlebar, from the side."""
    shoulder = (0.02 + lean, 1.5 - lean * 0.4 - down)
    x, y = shoulder
    corners = [(-0.32, 0.88 - down / 2), (-0.3, 1.15 - down), (x - 0.13, y), (x + 0.06, y + 0.03), (x + 0.08, y - 0.2)]
    corners.append((-0.04, 0.92 - down / 2))
    torso = facing_us([place(*corner) for corner in corners], z)
    arm: list[At] = [place(x, y - 0.06), place(x + 0.12, y - 0.34), place(0.38, 1.06)]
    return [Part('rider', 'coat', 'front', torso), *limb('rider', 'sleeve', arm, z, (0.14, 0.11, 0.08))]


def _from_behind(rng: Rng, x: float, z: float, *, hip: float, foot: At, helmet: bool) -> Thing:
    """Somebody who sits with the hip at that height, the feet at ``foot`` (aside, up)."""
    parts: Thing = []
    for side in (-1, 1):
        lift = rng.uniform(0, 0.12)
        knee, sole = (x + side * 0.19, hip - 0.28 + lift), (x + side * foot[0], foot[1] + lift)
        parts += limb('rider', 'trousers', [(x + side * 0.1, hip), knee, sole], z, (0.2, 0.15, 0.11))
        parts.append(Part('rider', 'shoe', 'front', disc(*sole, z, 0.07, 0.07)))
        elbow, hand = (x + side * 0.33, hip + 0.32), (x + side * 0.32, hip + 0.12)
        parts += limb('rider', 'sleeve', [(x + side * 0.2, hip + 0.55), elbow, hand], z, (0.13, 0.11, 0.08))
    torso = [(-0.18, 0), (-0.2, 0.3), (-0.23, 0.54), (-0.1, 0.63), (0.1, 0.63), (0.23, 0.54), (0.2, 0.3), (0.18, 0)]
    parts.append(Part('rider', 'coat', 'front', facing_us([(x + right, hip + up) for right, up in torso], z)))
    if rng.random() < 0.4:
        parts.append(Part('rider', 'bag', 'front', upright(x - 0.16, x + 0.16, hip + 0.15, hip + 0.55, z)))
    return parts + head(rng, 'rider', (x, hip + 0.78), z, 1.05, helmet=helmet)

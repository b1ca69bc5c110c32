"""What borders a toy street: houses, walls, fences and gardens. Windows are painted by the facades' texture."""

from collections.abc import Callable

import numpy as np

from mmseg.datasets.toy.plants import bushes
from mmseg.datasets.toy.shapes import Part, Rng, Span, Thing, along, box, upright

STOREY = 3.0  # metres
FACADES = ('facade brick', 'facade plaster', 'facade panel')


def border(rng: Rng, x: float, z: Span) -> Thing:
    """A house, a wall, a fence or a garden from ``z`` on, along the line ``x``."""
    kind = rng.choice(['house', 'wall', 'fence', 'garden'], p=[0.6, 0.12, 0.15, 0.13])
    return _BORDERS[kind](rng, x, z)


def _inner(x: float) -> str:
    """Where the side that the street sees looks."""
    return 'left' if x > 0 else 'right'


def house(rng: Rng, x: float, z: Span) -> Thing:
    """Facade, end wall and roof; shops, awnings, balconies, doors and chimneys where they happen to be."""
    floors = int(rng.integers(2, 6))
    way, height = (1.0 if x > 0 else -1.0), floors * STOREY + 0.6
    material = str(rng.choice(FACADES, p=[0.35, 0.45, 0.2]))
    blank = rng.random() < 0.12
    outer = x + way * 11
    parts = _roof(rng, x, way, (height, height + rng.uniform(2.5, 4)), z) if rng.random() < 0.55 else []
    parts.append(Part('building', 'end wall', 'front', upright(min(x, outer), max(x, outer), 0, height, z[0])))
    front = 'plain wall' if blank else material
    parts.append(Part('building', front, _inner(x), along((x, 0), (x, height), *z)))
    parts.append(Part('building', 'sill', _inner(x), along((x, height - 0.25), (x, height), *z)))
    if not blank and rng.random() < 0.4:
        parts += _shop(rng, x, way, z)
    elif not blank:
        parts += _doors(rng, x, z)
    if not blank and z[0] < 40 and rng.random() < 0.35:
        parts += _balconies(rng, x, way, z, floors)
    return parts


def _roof(rng: Rng, x: float, way: float, y: Span, z: Span) -> Thing:
    """A sloping roof whose ridge runs along the street, its gable, and a chimney."""
    low, ridge = y
    eaves, middle, outer = x - way * 0.4, x + way * 5.5, x + way * 11
    gable = np.array([(x, low, z[0]), (middle, ridge, z[0]), (outer, low, z[0])])
    parts = []
    if rng.random() < 0.7:
        at = z[0] + rng.uniform(0.3, 0.7) * (z[1] - z[0])
        place = middle - way * 1.5
        parts = box('building', 'chimney', (place - 0.4, place + 0.4), (low, ridge + 0.9), (at, at + 0.8))
    parts.append(Part('building', 'end wall', 'front', gable))
    return [*parts, Part('building', 'roof', _inner(x), along((eaves, low - 0.1), (middle, ridge), *z))]


def _shop(rng: Rng, x: float, way: float, z: Span) -> Thing:
    """A row of panes at street level with a board above it, sometimes under an awning."""
    parts = [Part('building', 'shop', _inner(x), along((x, 0), (x, 2.9), *z))]
    parts.append(Part('building', 'board', _inner(x), along((x - way * 0.05, 2.5), (x - way * 0.05, 3.1), *z)))
    if rng.random() < 0.5:
        reach = x - way * 1.1
        parts.append(Part('building', 'awning', 'up', along((x, 2.75), (reach, 2.25), z[0] + 0.5, z[1] - 0.5)))
        parts.append(Part('building', 'awning', _inner(x), along((reach, 2.0), (reach, 2.25), z[0] + 0.5, z[1] - 0.5)))
    return parts


def _doors(rng: Rng, x: float, z: Span) -> Thing:
    at = z[0] + rng.uniform(0.15, 0.7) * (z[1] - z[0])
    return [
        Part('building', 'sill', _inner(x), along((x, 0), (x, 2.5), at - 0.15, at + 1.3)),
        Part('building', 'door', _inner(x), along((x, 0), (x, 2.35), at, at + 1.15)),
    ]


def _balconies(rng: Rng, x: float, way: float, z: Span, floors: int) -> Thing:
    """Boxes that stand out, one above the other, far columns first."""
    parts = []
    for start in np.arange(z[0] + 1.0, z[1] - 2.6, rng.uniform(4.0, 6.0))[::-1]:
        for floor in range(1, floors):
            low = floor * STOREY
            out = x - way * 1.0
            parts += box('building', 'balcony', (min(x, out), max(x, out)), (low, low + 1.05), (start, start + 2.4))
    return parts


def wall(rng: Rng, x: float, z: Span) -> Thing:
    height = rng.uniform(1.9, 3.0)
    material = str(rng.choice(['stone', 'plain wall']))
    return [
        *bushes(rng, x + np.sign(x) * 4, z, (2.5, 6)),
        Part('wall', material, _inner(x), along((x, 0), (x, height), *z)),
        Part('wall', 'coping', _inner(x), along((x, height), (x, height + 0.15), *z)),
    ]


def fence(rng: Rng, x: float, z: Span) -> Thing:
    """Planks or bars; labelled as a whole, as annotators do, so what is between them is fence too."""
    height = rng.uniform(1.2, 1.9)
    material = str(rng.choice(['planks', 'bars']))
    parts = [*bushes(rng, x + np.sign(x) * 4, z, (2, 5))]
    parts.append(Part('fence', material, _inner(x), along((x, 0), (x, height), *z)))
    if material == 'bars':
        for low in (0.1, height - 0.12):
            parts.append(Part('fence', 'rail', _inner(x), along((x, low), (x, low + 0.1), *z)))
    return parts


def garden(rng: Rng, x: float, z: Span) -> Thing:
    height = rng.uniform(0.8, 1.7)
    hedge = Part('vegetation', 'hedge', _inner(x), along((x, 0), (x, height), *z))
    top = Part('vegetation', 'hedge', 'up', along((x, height), (x + np.sign(x) * 0.9, height), *z), 1.15)
    return [*bushes(rng, x + np.sign(x) * 5, z, (3, 7)), top, hedge]


_BORDERS: dict[str, Callable[[Rng, float, Span], Thing]] = {
    'house': house,
    'wall': wall,
    'fence': fence,
    'garden': garden,
}

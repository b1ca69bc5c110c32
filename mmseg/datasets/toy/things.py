"""How much of everything stands and drives in a toy street, and where."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from mmseg.datasets.toy import cycles, people, plants, posts, vehicles
from mmseg.datasets.toy.shapes import DIGITS, Rng, Street, Thing

# How many of a kind stand in one street, on average (Poisson). Rare classes are rare, as in a real city.
EXPECTED = {
    'parked car': 1.9,
    'moving car': 1.5,
    'truck': 0.22,
    'bus': 0.2,
    'tram': 0.17,
    'people on the pavement': 2.4,
    'people on the road': 0.3,
    'cyclist': 0.5,
    'motorcyclist': 0.3,
    'bicycles': 0.45,
    'motorcycle': 0.28,
    'tree': 2.3,
    'street lamp': 1.8,
    'power pole': 0.4,
    'bollards': 0.3,
    'traffic light': 0.8,
    'traffic sign': 1.5,
}


COMPANY = (0.68, 0.24, 0.08)  # share of people who walk alone, in pairs, in threes
VEHICLES = {'parked car', 'moving car', 'truck', 'bus', 'tram'}


def sample_things(rng: Rng, street: Street) -> Iterator[Thing]:
    """Draw everything that stands in ``street``, in no particular order; vehicles do not stand in one another."""
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    # rare kinds first: where a bus stands, a car is left out
    for kind in sorted(EXPECTED, key=lambda kind: EXPECTED[kind]):
        placed = _PLACED[kind]
        for _ in range(rng.poisson(EXPECTED[kind])):
            x, z = placed.where(rng, street), _distance(rng, placed.nearest)
            for companion in range(int(rng.choice([1, 2, 3], p=COMPANY)) if placed.draw == people.person else 1):
                thing = placed.draw(rng, x + 0.62 * companion, z)
                if kind not in VEHICLES or _finds_room(thing, taken):
                    yield thing


def _finds_room(thing: Thing, taken: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether the thing stands in no ``taken`` room, lower and upper corners; it takes its own then."""
    points = np.concatenate([part.points for part in thing])
    room = points.min(0), points.max(0)
    if any((room[0] < high).all() and (low < room[1]).all() for low, high in taken):
        return False
    taken.append(room)
    return True


class Placed(NamedTuple):
    """How a kind is drawn, where across the street it stands, and how near it may be, in metres."""

    draw: Callable[[Rng, float, float], Thing]
    where: Callable[[Rng, Street], float]
    nearest: float


def _distance(rng: Rng, nearest: float) -> float:
    """Near and far alike often per octave, up to five times the nearest."""
    return nearest * round(math.exp(rng.uniform(0, 1.65)), DIGITS)


def _lane(rng: Rng, street: Street) -> float:
    return float(rng.choice([-1, 1]) * street.half_road * rng.uniform(0.42, 0.55))


def _opposite_lane(rng: Rng, street: Street) -> float:
    return -street.half_road * 0.5


def _parked(rng: Rng, street: Street) -> float:
    return float(rng.choice([-1, 1]) * (street.half_road - 1.0))


def _on_road(rng: Rng, street: Street) -> float:
    return float(rng.uniform(-0.85, 0.85) * street.half_road)


def _on_pavement(rng: Rng, street: Street) -> float:
    return float(rng.choice([-1, 1]) * rng.uniform(street.half_road + 0.5, street.kerb - 0.3))


def _at_kerb(rng: Rng, street: Street) -> float:
    return float(rng.choice([-1, 1]) * (street.half_road + 0.45))


def _behind_kerb(rng: Rng, street: Street) -> float:
    return float(rng.choice([-1, 1]) * (street.kerb - 0.3 + rng.uniform(0, 0.9)))


def _driving(vehicle: Callable[[Rng, float, float, bool], Thing]) -> Callable[[Rng, float, float], Thing]:
    """On the left half of the road it comes towards us."""
    return lambda rng, x, z: vehicle(rng, x, z, x < 0)


_PLACED: dict[str, Placed] = {
    'parked car': Placed(_driving(vehicles.car), _parked, 4.5),
    'moving car': Placed(_driving(vehicles.car), _lane, 6.0),
    'truck': Placed(_driving(vehicles.truck), _lane, 8.0),
    'bus': Placed(_driving(vehicles.bus), _lane, 8.0),
    'tram': Placed(_driving(vehicles.tram), _opposite_lane, 8.0),
    'people on the pavement': Placed(people.person, _on_pavement, 4.0),
    'people on the road': Placed(people.person, _on_road, 6.0),
    'cyclist': Placed(cycles.cyclist, _on_road, 4.5),
    'motorcyclist': Placed(cycles.motorcyclist, _on_road, 4.5),
    'bicycles': Placed(cycles.rack, _on_pavement, 4.0),
    'motorcycle': Placed(cycles.motorcycle, _at_kerb, 4.0),
    'tree': Placed(plants.tree, _behind_kerb, 6.0),
    'street lamp': Placed(posts.street_lamp, _at_kerb, 5.0),
    'power pole': Placed(posts.power_pole, _behind_kerb, 6.0),
    'bollards': Placed(posts.bollards, _at_kerb, 4.0),
    'traffic light': Placed(posts.traffic_light, _at_kerb, 4.5),
    'traffic sign': Placed(posts.traffic_signs, _at_kerb, 4.0),
}

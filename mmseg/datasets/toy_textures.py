"""What the surfaces of the toy streets are made of: bricks, slabs, asphalt, windows, leaves, in metres.

A texture is a function of a :class:`Patch` and its plain colours; it fades where a sub-pixel covers half a period. Only
exact operations are used, so that every processor paints the same.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from mmseg.datasets.toy_view import Planes, Surface

Tones = Mapping[str, np.ndarray]  # material -> RGB of this picture, for what a texture paints besides its own colour


class Patch(NamedTuple):
    """The N sub-pixels of one texture, each as an array (N,)."""

    piece: np.ndarray  # number of the piece, which makes its own chance
    u: np.ndarray  # metres along the surface
    v: np.ndarray
    from_u: np.ndarray  # metres from the lower corner of the piece
    from_v: np.ndarray
    wide: np.ndarray  # extent of the piece in metres
    tall: np.ndarray
    over_u: np.ndarray  # metres that a sub-pixel covers
    over_v: np.ndarray
    glow: np.ndarray  # filled in by textures: share of the light that is the surface's own
    lit: float  # share of windows with a light on
    cover: float  # of the sky by clouds, 0 to 1

    def chance(self, *keys: np.ndarray | int) -> np.ndarray:
        """Numbers in [0, 1) that depend on the piece and the ``keys``, integers, alone."""
        state = self.piece.astype(np.uint32) * np.uint32(2654435761)
        for key in keys:
            state = (state ^ np.asarray(key).astype(np.int64).astype(np.uint32)) * np.uint32(2246822519)
            state = state ^ (state >> np.uint32(15))
        state = state * np.uint32(3266489917)
        return ((state ^ (state >> np.uint32(16))) & np.uint32(0xFFFF)).astype(np.float32) / np.float32(65536)

    def noise(self, cell: float, upwards: float = 1.0, salt: int = 0) -> np.ndarray:
        """A smooth field about 0 with spots of ``cell`` metres (``upwards`` times as tall), deviation 1, faded."""
        table = _noise_table()
        across = (self.u * np.float32(8 / cell) + np.float32(16384 + 137 * salt)).astype(np.int32) & 511
        along = (self.v * np.float32(8 / cell / upwards) + np.float32(16384 + 291 * salt)).astype(np.int32) & 511
        field = table[(along << 9) | across]
        return field * visible(cell, np.maximum(self.over_u, self.over_v * np.float32(1 / upwards)))


@cache
def _noise_table() -> np.ndarray:
    """A field of 512x512 that repeats itself, eight points to a spot, in one row."""
    field = np.random.default_rng(7).standard_normal((64, 64)).repeat(8, 0).repeat(8, 1)
    for axis in (0, 1):
        for _ in range(2):
            total = field.copy()
            for step in range(1, 8):
                total += np.roll(field, step, axis)
            field = total / 8
    return (field * 2.2).astype(np.float32).ravel()


def visible(period: float, over: np.ndarray) -> np.ndarray:
    """1 where a period covers four sub-pixels or more, 0 below two."""
    return np.clip(2 - over * np.float32(4 / period), 0, 1)


def paint_textures(
    colours: np.ndarray,
    surface: Surface,
    plane: Planes,
    kinds: np.ndarray,
    *,
    contrast: Mapping[str, float],
    tones: Tones,
    lit: float,
    cover: float,
) -> np.ndarray:
    """Paint every texture into ``colours`` (N, 3).

    Args:
        colours: plain colours of the sub-pixels; changed in place
        surface: where the sub-pixels are
        plane: of the pieces
        kinds: (P,) number of the texture of each piece in :data:`TEXTURES`; others are plain
        contrast: texture -> strength, 0 (plain) to 1, which is the default
        tones: colours of what textures paint besides
        lit: share of windows with a light on
        cover: share of the sky behind clouds

    Returns:
        (N,) share of the light that is the surface's own: lit windows
    """
    glow = np.zeros(len(colours), np.float32)
    kind_at = kinds.astype(np.uint8)[surface.piece]
    low, size = plane.low.astype(np.float32), np.maximum(plane.size, 1e-3).astype(np.float32)
    for number, (name, texture) in enumerate(TEXTURES.items()):
        strength = np.float32(contrast.get(name, 1.0))
        places = np.flatnonzero(kind_at == number)
        if not len(places) or not strength:
            continue
        piece, u, v = surface.piece[places], surface.u[places], surface.v[places]
        own = np.zeros(len(places), np.float32)
        patch = Patch(
            piece,
            u,
            v,
            u - low[piece, 0],
            v - low[piece, 1],
            size[piece, 0],
            size[piece, 1],
            surface.over_u[places],
            surface.over_v[places],
            own,
            lit,
            cover,
        )
        plain = colours[places]
        painted = texture(patch, plain, tones)
        colours[places] = painted if strength == 1 else plain + strength * (painted - plain)
        glow[places] = own
    return glow


def _mix(colours: np.ndarray, share: np.ndarray, other: np.ndarray) -> np.ndarray:
    """``share`` (N,) of ``other``, a colour or one for each."""
    return colours + share[:, None] * (other - colours)


def _within(value: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    return ((value > low) & (value < high)).astype(np.float32)


def _asphalt(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Grains, stains along the lane, mended spots and cracks."""
    gain = 1 + 0.07 * patch.noise(0.05) + 0.04 * patch.noise(0.16) + 0.05 * patch.noise(2, 5) + 0.05 * patch.noise(9)
    line = np.abs(patch.noise(2.2, 1.6, salt=3)) + np.float32(0.25) * np.abs(patch.noise(0.4, salt=5))
    crack = np.clip(1 - line * np.float32(9), 0, 1) * (patch.noise(7, salt=2) > 0.2)
    return colours * (gain * (1 - 0.4 * crack * visible(0.12, patch.over_u)))[:, None]


def _marking(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Paint that has come off in places."""
    gone = np.clip(0.45 * patch.noise(0.2) + 0.5 * patch.noise(1.1) - 0.35, 0, 0.8)
    return _mix(colours, gone, tones['asphalt'])


def _cells(value: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Number of the cell, and the place in it in metres."""
    number = np.floor(value * np.float32(1 / step))
    return number, value - number * np.float32(step)


def _joints(patch: Patch, step: tuple[float, float], joint: float, bond: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of blocks: (N,) share of joint, and (N,) a chance of each block; ``bond`` shifts every other row."""
    row, up = _cells(patch.v, step[1])
    shifted = patch.u + np.float32(bond * step[0]) * (row - 2 * np.floor(row / 2))
    column, right = _cells(shifted, step[0])
    keep = visible(step[0], patch.over_u) * visible(step[1], patch.over_v)
    between = ((right < joint) | (up < joint)).astype(np.float32) * keep
    return between, (patch.chance(row, column) - np.float32(0.5)) * keep


def _paving(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    joint, tint = _joints(patch, (0.6, 0.6), 0.035)
    gain = 1 - 0.34 * joint + 0.2 * tint + 0.05 * patch.noise(0.1) + 0.07 * patch.noise(1.4) + 0.05 * patch.noise(5)
    return colours * gain[:, None]


def _grass(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    gain = 1 + 0.16 * patch.noise(0.1) + 0.13 * patch.noise(0.4, 1.6) + 0.1 * patch.noise(2.5)
    dry = np.clip(0.25 * patch.noise(4, salt=4) + 0.1, 0, 0.6)
    return _mix(colours, dry, tones['dry grass']) * gain[:, None]


def _bricks(patch: Patch, colours: np.ndarray) -> np.ndarray:
    joint, tint = _joints(patch, (0.42, 0.16), 0.028, bond=0.5)
    gain = 1 + 0.35 * tint + 0.05 * patch.noise(0.8) + 0.06 * patch.noise(4)
    return _mix(colours * gain[:, None], 0.5 * joint, np.array((186, 178, 168), np.float32))


def _plaster(patch: Patch, colours: np.ndarray) -> np.ndarray:
    stains = np.clip(patch.noise(0.5, 7, salt=1) - 0.4, 0, 2)
    gain = 1 + 0.03 * patch.noise(0.1) + 0.025 * patch.noise(1.2) + 0.035 * patch.noise(5) - 0.05 * stains
    return colours * gain[:, None]


def _panels(patch: Patch, colours: np.ndarray) -> np.ndarray:
    joint, tint = _joints(patch, (3.0, 3.0), 0.06)
    gain = 1 - 0.25 * joint + 0.08 * tint + 0.04 * patch.noise(1.2) + 0.04 * patch.noise(0.15)
    return colours * gain[:, None]


def _windows(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Windows in storeys of 3 m: frames, sills, curtains, and a light in some."""
    own = patch.chance(1)
    step = np.float32(2.0) + np.floor(own * 4) * np.float32(0.3)
    wide, tall = (
        np.float32(1.0) + np.float32(0.35) * patch.chance(2),
        np.float32(1.35) + np.float32(0.4) * patch.chance(3),
    )
    column = np.floor(patch.from_u / step)
    right = patch.from_u - column * step - step / 2
    storey, up = _cells(patch.from_v, 3.0)
    up -= np.float32(0.85)
    room = (column >= 0) & ((column + 1) * step < patch.wide) & (storey * 3 + 2.7 < patch.tall)
    keep = room * visible(1.2, patch.over_u) * visible(1.6, patch.over_v)
    aside = np.abs(right)
    hole = _within(aside, -1, wide / 2) * _within(up, 0, tall) * keep
    if not hole.any():
        return colours
    frame = ((aside > wide / 2 - 0.07) | (up < 0.07) | (up > tall - 0.07) | (aside < 0.035)).astype(np.float32)
    cross = (patch.chance(4) < 0.4) & (np.abs(up - tall * np.float32(0.68)) < 0.035)
    frame = np.maximum(frame, cross)
    light = patch.chance(column, storey)
    on = (light < patch.lit).astype(np.float32)
    glass = _mix(np.broadcast_to(tones['window'], colours.shape), 0.45 * np.clip(up / tall, 0, 1), tones['sky'])
    curtain = (patch.chance(storey, column, 5) < 0.45) * (
        (aside > wide * np.float32(0.28)) | (up > tall * np.float32(0.6))
    )
    glass = _mix(glass, 0.55 * curtain, tones['curtain'])
    glass = _mix(glass, on, tones['lit window'] * (np.float32(0.75) + np.float32(0.25) * (light * 7 % 1)[:, None]))
    glass *= (1 - 0.45 * _within(up, tall - 0.22, tall))[:, None]
    pane = _mix(glass, frame, tones['frame'])
    sill = _within(aside, -1, wide / 2 + 0.1) * _within(up, -0.12, 0) * keep
    below = _within(aside, -1, wide / 2 + 0.05) * _within(up, -0.3, -0.12) * keep
    patch.glow[:] = hole * on * (1 - frame)
    return _mix(_mix(colours * (1 - 0.18 * below)[:, None], sill, tones['sill']), hole, pane)


def _facade_brick(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    return _windows(patch, _bricks(patch, colours), tones)


def _facade_plaster(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    return _windows(patch, _base(patch, _plaster(patch, colours)), tones)


def _facade_panel(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    return _windows(patch, _panels(patch, colours), tones)


def _base(patch: Patch, colours: np.ndarray) -> np.ndarray:
    """A darker plinth."""
    return colours * (1 - 0.25 * _within(patch.from_v, -1, 0.7))[:, None]


def _plain_wall(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    return _base(patch, _plaster(patch, colours))


def _stone(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    joint, tint = _joints(patch, (0.55, 0.3), 0.04, bond=0.5)
    gain = 1 - 0.35 * joint + 0.45 * tint + 0.1 * patch.noise(0.15) + 0.08 * patch.noise(2)
    return colours * gain[:, None]


def _roof(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    joint, tint = _joints(patch, (0.35, 0.28), 0.06, bond=0.5)
    return colours * (1 - 0.3 * joint + 0.3 * tint + 0.08 * patch.noise(1.5))[:, None]


def _shop(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Panes of 2 m between posts, with goods behind them."""
    column, right = _cells(patch.from_u, 2.0)
    pane = _within(right, 0.12, 1.88) * _within(patch.from_v, 0.45, 2.4)
    shelf, place = np.floor(patch.from_v / np.float32(0.5)), np.floor(patch.from_u / np.float32(0.3))
    goods = patch.chance(shelf, place)[:, None] * np.array((1.0, 0.85, 0.7), np.float32) * 150
    on = (patch.chance(column, 9) < 0.25 + patch.lit).astype(np.float32)
    inside = _mix(np.broadcast_to(tones['window'], colours.shape), np.full(len(pane), 0.35, np.float32), goods)
    inside = _mix(inside, 0.7 * on, tones['lit window'])
    patch.glow[:] = 0.8 * pane * on * min(1.0, 3 * patch.lit)
    return _mix(colours, pane * visible(2.0, patch.over_u), inside)


def _board(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Something like letters."""
    letter, right = _cells(patch.from_u, 0.26)
    middle = np.abs(patch.from_u - patch.wide / 2) < patch.wide * np.float32(0.3)
    ink = _within(right, 0.05, 0.22) * _within(patch.from_v, 0.15, 0.45) * (patch.chance(letter) < 0.8) * middle
    return _mix(colours, ink * visible(0.26, patch.over_u), tones['white'])


def _stripes(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """The bright and coloured bands of an awning."""
    _, along = _cells(np.where(patch.tall > 1.2, patch.v, patch.from_u), 0.7)
    return _mix(colours, (along < 0.35) * (patch.chance(1) < 0.6), tones['white'])


def _bars(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Upright bars, dark greenery between them."""
    _, along = _cells(patch.from_u, 0.22)
    keep = visible(0.22, patch.over_u)
    gap = np.where(along > 0.08, keep, 0) + (1 - keep) * np.float32(0.62)
    return _mix(colours, gap * (1 - 0.15 * np.clip(patch.noise(0.5), 0, 1)), tones['behind'])


def _planks(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    board, along = _cells(patch.from_u, 0.16)
    keep = visible(0.16, patch.over_u)
    gain = 1 + 0.3 * (patch.chance(board) - 0.5) * keep - 0.5 * (along < 0.025) * keep + 0.06 * patch.noise(0.08, 10)
    return colours * gain[:, None]


def _volume(patch: Patch) -> np.ndarray:
    """Brighter above and to the left, darker below: what makes a flat piece round."""
    right, up = 2 * patch.from_u / patch.wide - 1, 2 * patch.from_v / patch.tall - 1
    return 1 + 0.2 * up - 0.1 * right - 0.12 * right * right


def _leaves(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Clumps of clumps, with the dark between them."""
    gain = _volume(patch) + 0.14 * patch.noise(0.09) + 0.16 * patch.noise(0.22, salt=2) + 0.14 * (patch.chance(1) - 0.5)
    gap = np.clip(patch.noise(0.3, salt=7) + 0.5 * patch.noise(0.1, salt=8) - 0.9, 0, 0.55)
    yellow = np.clip(0.2 * patch.noise(1.1, salt=4) + 0.05, 0, 0.4)
    return _mix(colours, yellow, tones['dry grass']) * np.clip(gain - gap, 0.25, 1.8)[:, None]


def _needles(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    gain = 1 + 0.2 * patch.noise(0.12, 2) + 0.14 * patch.noise(0.4) - 0.3 * (patch.from_u / patch.wide - 0.4)
    return colours * np.clip(gain, 0.3, 1.7)[:, None]


def _hedge(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    gain = 1 + 0.2 * patch.noise(0.1) + 0.14 * patch.noise(0.35) + 0.07 * patch.noise(1.5)
    return colours * np.clip(gain, 0.3, 1.7)[:, None]


def _round(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Posts and trunks: light from the left."""
    across = 2 * patch.from_u / patch.wide - 1
    shade = 1 - 0.35 * across * across - 0.18 * across
    return colours * np.where(patch.wide < 0.6, shade, 1)[:, None]


def _bark(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    return _round(patch, colours, tones) * (1 + 0.2 * patch.noise(0.08, 5) + 0.08 * patch.noise(0.5))[:, None]


def _cloth(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Folds, and the roundness of limbs."""
    across = 2 * patch.from_u / patch.wide - 1
    gain = 1.06 - 0.22 * across * across - 0.1 * across + 0.08 * patch.noise(0.12, 2)
    return colours * gain[:, None]


def _paintwork(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """The sky in the upper half of a polished surface, the street in the lower one, and the gaps of doors."""
    up = np.clip(patch.from_v / patch.tall, 0, 1)
    gain = 0.8 + 0.34 * up - 0.12 * _within(up, 0.4, 0.52)
    steep = (patch.wide > 2.5) & (patch.tall > 0.3)
    place = patch.from_u / patch.wide
    door = (np.abs(place - 0.33) < 0.006) | (np.abs(place - 0.57) < 0.006)
    shown = _mix(colours * gain[:, None], 0.16 * np.clip(up * 2 - 1.1, 0, 1), tones['sky'])
    return shown * (1 - 0.4 * (door & steep))[:, None]


def _glass(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Sky above, dark below, and a slanting shine."""
    up = np.clip(patch.from_v / patch.tall, 0, 1)
    _, slant = _cells(patch.u + np.float32(0.5) * patch.v, 1.7)
    return _mix(colours, 0.12 + 0.35 * up + 0.12 * (slant < 0.5), tones['sky'])


def _coach(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """The sides of buses and trams: a band of windows between pillars, doors, a stripe below."""
    colours = colours * (0.86 + 0.2 * np.clip(patch.from_v / patch.tall, 0, 1))[:, None]
    number, along = _cells(patch.from_u, 1.5)
    side = patch.wide > 5
    door = (np.floor(number / 3) * 3 == number) & (patch.from_v > 0.15)
    low = np.where(door, np.float32(0.2), np.float32(0.95))
    pane = side * _within(along, 0.07, 1.43) * _within(patch.from_v, low, patch.tall - 0.55)
    pane *= 1 - _within(along, 0.72, 0.78) * door
    glass = _mix(
        np.broadcast_to(tones['glass'], colours.shape), 0.3 * np.clip(patch.from_v / patch.tall, 0, 1), tones['sky']
    )
    inside = np.float32(min(0.7, 1.8 * patch.lit)) * pane * (0.55 + 0.45 * patch.chance(number))
    patch.glow[:] = inside * side
    glass = _mix(glass, inside, tones['lit window'])
    stripe = side * _within(patch.from_v, 0.6, 0.78) * (1 - door)
    return _mix(_mix(colours, 0.8 * stripe, tones['stripe']), pane, glass)


def _tarpaulin(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Ribs of a load's box, and letters on its side."""
    _, along = _cells(patch.from_u, 0.6)
    gain = (
        0.92
        + 0.12 * patch.from_v / patch.tall
        - 0.1 * (along < 0.05) * visible(0.6, patch.over_u)
        + 0.03 * patch.noise(0.8)
    )
    return colours * gain[:, None]


def _skyline(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Far houses: windows as dots."""
    column, right = _cells(patch.from_u, 2.4)
    storey, up = _cells(patch.from_v, 3.0)
    hole = _within(right, 0.7, 1.8) * _within(up, 0.9, 2.3)
    on = (patch.chance(column, storey) < patch.lit).astype(np.float32)
    patch.glow[:] = hole * on
    return _mix(colours, 0.6 * hole, _mix(np.broadcast_to(tones['window'], colours.shape), on, tones['lit window']))


def _sky(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Paler towards the horizon, with clouds that are bright above and grey below."""
    high = np.clip(patch.v / np.float32(75), 0, 1)
    blue = _mix(np.broadcast_to(tones['sky low'], colours.shape), high * (2 - high), colours)
    field = patch.noise(38, 0.5) + 0.55 * patch.noise(15, 0.5, salt=1) + 0.3 * patch.noise(6, 0.5, salt=2)
    density = np.clip((field + np.float32(3.2 * patch.cover - 1.6)) * 0.8, 0, 1)
    body = _mix(np.broadcast_to(tones['cloud'], colours.shape), np.clip(field * 0.3, 0, 0.5), tones['cloud shade'])
    return _mix(blue, density * (0.35 + 0.6 * np.clip(patch.v / np.float32(20), 0, 1)), body)


TEXTURES: dict[str, Callable[[Patch, np.ndarray, Tones], np.ndarray]] = {
    'asphalt': _asphalt,
    'marking': _marking,
    'paving': _paving,
    'grass': _grass,
    'facade brick': _facade_brick,
    'facade plaster': _facade_plaster,
    'facade panel': _facade_panel,
    'plain wall': _plain_wall,
    'stone': _stone,
    'roof': _roof,
    'shop': _shop,
    'board': _board,
    'stripes': _stripes,
    'bars': _bars,
    'planks': _planks,
    'leaves': _leaves,
    'needles': _needles,
    'hedge': _hedge,
    'round': _round,
    'bark': _bark,
    'cloth': _cloth,
    'paintwork': _paintwork,
    'glass': _glass,
    'coach': _coach,
    'tarpaulin': _tarpaulin,
    'skyline': _skyline,
    'sky': _sky,
}

# What each material is painted with; the others are plain.
OF_MATERIAL = {
    'sky': 'sky',
    'skyline': 'skyline',
    'asphalt': 'asphalt',
    'gutter': 'asphalt',
    'patch': 'asphalt',
    'marking': 'marking',
    'pavement': 'paving',
    'grass': 'grass',
    'facade brick': 'facade brick',
    'facade plaster': 'facade plaster',
    'facade panel': 'facade panel',
    'plain wall': 'plain wall',
    'end wall': 'plain wall',
    'chimney': 'stone',
    'stone': 'stone',
    'coping': 'stone',
    'roof': 'roof',
    'shop': 'shop',
    'board': 'board',
    'awning': 'stripes',
    'balcony': 'bars',
    'bars': 'bars',
    'planks': 'planks',
    'door': 'planks',
    'leaf': 'leaves',
    'needle': 'needles',
    'hedge': 'hedge',
    'post': 'round',
    'wood': 'bark',
    'bark': 'bark',
    'coat': 'cloth',
    'sleeve': 'cloth',
    'trousers': 'cloth',
    'skin': 'cloth',
    'bag': 'cloth',
    'car': 'paintwork',
    'motorcycle': 'paintwork',
    'cab': 'paintwork',
    'truck': 'tarpaulin',
    'glass': 'glass',
    'bus': 'coach',
    'train': 'coach',
}


def kinds_of(materials: Sequence[str]) -> np.ndarray:
    """Numbers of their textures in :data:`TEXTURES`; the number after the last one where there is none."""
    numbers = {name: number for number, name in enumerate(TEXTURES)}
    return np.array([numbers.get(OF_MATERIAL.get(material, ''), len(numbers)) for material in materials])

"""The catalogue of what the surfaces of the toy streets are made of, in metres: bricks, asphalt, windows, leaves.

A texture is a function of a :class:`Patch`, its plain colours and the tones of what it paints besides.
"""

from collections.abc import Callable, Mapping

import numpy as np

from mmseg.datasets.toy.patch import Patch, cells, joints, mix, visible, volume, within

Tones = Mapping[str, np.ndarray]  # material -> RGB of this picture, for what a texture paints besides its own colour


def _asphalt(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Grains, stains along the lane, mended spots and cracks."""
    gain = 1 + 0.07 * patch.noise(0.05) + 0.04 * patch.noise(0.16) + 0.05 * patch.noise(2, 5) + 0.05 * patch.noise(9)
    line = np.abs(patch.noise(2.2, 1.6, salt=3)) + np.float32(0.25) * np.abs(patch.noise(0.4, salt=5))
    crack = np.clip(1 - line * np.float32(9), 0, 1) * (patch.noise(7, salt=2) > 0.2)
    return colours * (gain * (1 - 0.4 * crack * visible(0.12, patch.over_u)))[:, None]


def _marking(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Paint that has come off in places."""
    gone = np.clip(0.45 * patch.noise(0.2) + 0.5 * patch.noise(1.1) - 0.35, 0, 0.8)
    return mix(colours, gone, tones['asphalt'])


def _paving(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    joint, tint = joints(patch, (0.6, 0.6), 0.035)
    gain = 1 - 0.34 * joint + 0.2 * tint + 0.05 * patch.noise(0.1) + 0.07 * patch.noise(1.4) + 0.05 * patch.noise(5)
    return colours * gain[:, None]


def _grass(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    gain = 1 + 0.16 * patch.noise(0.1) + 0.13 * patch.noise(0.4, 1.6) + 0.1 * patch.noise(2.5)
    dry = np.clip(0.25 * patch.noise(4, salt=4) + 0.1, 0, 0.6)
    return mix(colours, dry, tones['dry grass']) * gain[:, None]


def _bricks(patch: Patch, colours: np.ndarray) -> np.ndarray:
    joint, tint = joints(patch, (0.42, 0.16), 0.028, bond=0.5)
    gain = 1 + 0.35 * tint + 0.05 * patch.noise(0.8) + 0.06 * patch.noise(4)
    return mix(colours * gain[:, None], 0.5 * joint, np.array((186, 178, 168), np.float32))


def _plaster(patch: Patch, colours: np.ndarray) -> np.ndarray:
    stains = np.clip(patch.noise(0.5, 7, salt=1) - 0.4, 0, 2)
    gain = 1 + 0.03 * patch.noise(0.1) + 0.025 * patch.noise(1.2) + 0.035 * patch.noise(5) - 0.05 * stains
    return colours * gain[:, None]


def _panels(patch: Patch, colours: np.ndarray) -> np.ndarray:
    joint, tint = joints(patch, (3.0, 3.0), 0.06)
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
    storey, up = cells(patch.from_v, 3.0)
    up -= np.float32(0.85)
    room = (column >= 0) & ((column + 1) * step < patch.wide) & (storey * 3 + 2.7 < patch.tall)
    keep = room * visible(1.2, patch.over_u) * visible(1.6, patch.over_v)
    aside = np.abs(right)
    hole = within(aside, -1, wide / 2) * within(up, 0, tall) * keep
    if not hole.any():
        return colours
    frame = ((aside > wide / 2 - 0.07) | (up < 0.07) | (up > tall - 0.07) | (aside < 0.035)).astype(np.float32)
    cross = (patch.chance(4) < 0.4) & (np.abs(up - tall * np.float32(0.68)) < 0.035)
    frame = np.maximum(frame, cross)
    light = patch.chance(column, storey)
    on = (light < patch.lit).astype(np.float32)
    glass = mix(np.broadcast_to(tones['window'], colours.shape), 0.45 * np.clip(up / tall, 0, 1), tones['sky'])
    curtain = (patch.chance(storey, column, 5) < 0.45) * (
        (aside > wide * np.float32(0.28)) | (up > tall * np.float32(0.6))
    )
    glass = mix(glass, 0.55 * curtain, tones['curtain'])
    glass = mix(glass, on, tones['lit window'] * (np.float32(0.75) + np.float32(0.25) * (light * 7 % 1)[:, None]))
    glass *= (1 - 0.45 * within(up, tall - 0.22, tall))[:, None]
    pane = mix(glass, frame, tones['frame'])
    sill = within(aside, -1, wide / 2 + 0.1) * within(up, -0.12, 0) * keep
    below = within(aside, -1, wide / 2 + 0.05) * within(up, -0.3, -0.12) * keep
    patch.glow[:] = hole * on * (1 - frame)
    return mix(mix(colours * (1 - 0.18 * below)[:, None], sill, tones['sill']), hole, pane)


def _facade_brick(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    return _windows(patch, _bricks(patch, colours), tones)


def _facade_plaster(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    return _windows(patch, _base(patch, _plaster(patch, colours)), tones)


def _facade_panel(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    return _windows(patch, _panels(patch, colours), tones)


def _base(patch: Patch, colours: np.ndarray) -> np.ndarray:
    """A darker plinth."""
    return colours * (1 - 0.25 * within(patch.from_v, -1, 0.7))[:, None]


def _plain_wall(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    return _base(patch, _plaster(patch, colours))


def _stone(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    joint, tint = joints(patch, (0.55, 0.3), 0.04, bond=0.5)
    gain = 1 - 0.35 * joint + 0.45 * tint + 0.1 * patch.noise(0.15) + 0.08 * patch.noise(2)
    return colours * gain[:, None]


def _roof(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    joint, tint = joints(patch, (0.35, 0.28), 0.06, bond=0.5)
    return colours * (1 - 0.3 * joint + 0.3 * tint + 0.08 * patch.noise(1.5))[:, None]


def _shop(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Panes of 2 m between posts, with goods behind them."""
    column, right = cells(patch.from_u, 2.0)
    pane = within(right, 0.12, 1.88) * within(patch.from_v, 0.45, 2.4)
    shelf, place = np.floor(patch.from_v / np.float32(0.5)), np.floor(patch.from_u / np.float32(0.3))
    goods = patch.chance(shelf, place)[:, None] * np.array((1.0, 0.85, 0.7), np.float32) * 150
    on = (patch.chance(column, 9) < 0.25 + patch.lit).astype(np.float32)
    inside = mix(np.broadcast_to(tones['window'], colours.shape), np.full(len(pane), 0.35, np.float32), goods)
    inside = mix(inside, 0.7 * on, tones['lit window'])
    patch.glow[:] = 0.8 * pane * on * min(1.0, 3 * patch.lit)
    return mix(colours, pane * visible(2.0, patch.over_u), inside)


def _board(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Something like letters."""
    letter, right = cells(patch.from_u, 0.26)
    middle = np.abs(patch.from_u - patch.wide / 2) < patch.wide * np.float32(0.3)
    ink = within(right, 0.05, 0.22) * within(patch.from_v, 0.15, 0.45) * (patch.chance(letter) < 0.8) * middle
    return mix(colours, ink * visible(0.26, patch.over_u), tones['white'])


def _stripes(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """The bright and coloured bands of an awning."""
    _, along = cells(np.where(patch.tall > 1.2, patch.v, patch.from_u), 0.7)
    return mix(colours, (along < 0.35) * (patch.chance(1) < 0.6), tones['white'])


def _bars(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Upright bars, dark greenery between them."""
    _, along = cells(patch.from_u, 0.22)
    keep = visible(0.22, patch.over_u)
    gap = np.where(along > 0.08, keep, 0) + (1 - keep) * np.float32(0.62)
    return mix(colours, gap * (1 - 0.15 * np.clip(patch.noise(0.5), 0, 1)), tones['behind'])


def _planks(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    board, along = cells(patch.from_u, 0.16)
    keep = visible(0.16, patch.over_u)
    gain = 1 + 0.3 * (patch.chance(board) - 0.5) * keep - 0.5 * (along < 0.025) * keep + 0.06 * patch.noise(0.08, 10)
    return colours * gain[:, None]


def _leaves(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Clumps of clumps, with the dark between them."""
    gain = volume(patch) + 0.14 * patch.noise(0.09) + 0.16 * patch.noise(0.22, salt=2) + 0.14 * (patch.chance(1) - 0.5)
    gap = np.clip(patch.noise(0.3, salt=7) + 0.5 * patch.noise(0.1, salt=8) - 0.9, 0, 0.55)
    yellow = np.clip(0.2 * patch.noise(1.1, salt=4) + 0.05, 0, 0.4)
    return mix(colours, yellow, tones['dry grass']) * np.clip(gain - gap, 0.25, 1.8)[:, None]


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
    gain = 0.8 + 0.34 * up - 0.12 * within(up, 0.4, 0.52)
    steep = (patch.wide > 2.5) & (patch.tall > 0.3)
    place = patch.from_u / patch.wide
    door = (np.abs(place - 0.33) < 0.006) | (np.abs(place - 0.57) < 0.006)
    shown = mix(colours * gain[:, None], 0.16 * np.clip(up * 2 - 1.1, 0, 1), tones['sky'])
    return shown * (1 - 0.4 * (door & steep))[:, None]


def _glass(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Sky above, dark below, and a slanting shine."""
    up = np.clip(patch.from_v / patch.tall, 0, 1)
    _, slant = cells(patch.u + np.float32(0.5) * patch.v, 1.7)
    return mix(colours, 0.12 + 0.35 * up + 0.12 * (slant < 0.5), tones['sky'])


def _coach(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """The sides of buses and trams: a band of windows between pillars, doors, a stripe below."""
    colours = colours * (0.86 + 0.2 * np.clip(patch.from_v / patch.tall, 0, 1))[:, None]
    number, along = cells(patch.from_u, 1.5)
    side = patch.wide > 5
    door = (np.floor(number / 3) * 3 == number) & (patch.from_v > 0.15)
    low = np.where(door, np.float32(0.2), np.float32(0.95))
    pane = side * within(along, 0.07, 1.43) * within(patch.from_v, low, patch.tall - 0.55)
    pane *= 1 - within(along, 0.72, 0.78) * door
    glass = mix(
        np.broadcast_to(tones['glass'], colours.shape), 0.3 * np.clip(patch.from_v / patch.tall, 0, 1), tones['sky']
    )
    inside = np.float32(min(0.7, 1.8 * patch.lit)) * pane * (0.55 + 0.45 * patch.chance(number))
    patch.glow[:] = inside * side
    glass = mix(glass, inside, tones['lit window'])
    stripe = side * within(patch.from_v, 0.6, 0.78) * (1 - door)
    return mix(mix(colours, 0.8 * stripe, tones['stripe']), pane, glass)


def _tarpaulin(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Ribs of a load's box, and letters on its side."""
    _, along = cells(patch.from_u, 0.6)
    gain = (
        0.92
        + 0.12 * patch.from_v / patch.tall
        - 0.1 * (along < 0.05) * visible(0.6, patch.over_u)
        + 0.03 * patch.noise(0.8)
    )
    return colours * gain[:, None]


def _skyline(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Far houses: windows as dots."""
    column, right = cells(patch.from_u, 2.4)
    storey, up = cells(patch.from_v, 3.0)
    hole = within(right, 0.7, 1.8) * within(up, 0.9, 2.3)
    on = (patch.chance(column, storey) < patch.lit).astype(np.float32)
    patch.glow[:] = hole * on
    return mix(colours, 0.6 * hole, mix(np.broadcast_to(tones['window'], colours.shape), on, tones['lit window']))


def _sky(patch: Patch, colours: np.ndarray, tones: Tones) -> np.ndarray:
    """Paler towards the horizon, with clouds that are bright above and grey below."""
    high = np.clip(patch.v / np.float32(75), 0, 1)
    blue = mix(np.broadcast_to(tones['sky low'], colours.shape), high * (2 - high), colours)
    field = patch.noise(38, 0.5) + 0.55 * patch.noise(15, 0.5, salt=1) + 0.3 * patch.noise(6, 0.5, salt=2)
    density = np.clip((field + np.float32(3.2 * patch.cover - 1.6)) * 0.8, 0, 1)
    body = mix(np.broadcast_to(tones['cloud'], colours.shape), np.clip(field * 0.3, 0, 0.5), tones['cloud shade'])
    return mix(blue, density * (0.35 + 0.6 * np.clip(patch.v / np.float32(20), 0, 1)), body)


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

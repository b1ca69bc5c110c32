"""How a toy street is photographed: camera, colours, light, lens and sensor. What stands in it is ``toy_scene``'s."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from mmseg.datasets.toy_shapes import NEAR, Rng, Street, Thing

OVERSAMPLING = 2  # the picture is drawn larger and averaged: soft edges in the image, hard ones in the label

# Cityscapes ids, the numbering that GTA's labels use too.
LABEL_IDS = {
    'ego vehicle': 1,
    'road': 7,
    'sidewalk': 8,
    'building': 11,
    'wall': 12,
    'fence': 13,
    'pole': 17,
    'traffic light': 19,
    'traffic sign': 20,
    'vegetation': 21,
    'terrain': 22,
    'sky': 23,
    'person': 24,
    'rider': 25,
    'car': 26,
    'truck': 27,
    'bus': 28,
    'train': 31,
    'motorcycle': 32,
    'bicycle': 33,
}

Colour = tuple[int, int, int]


class Picture(NamedTuple):
    """An image (H, W, 3) RGB uint8 and its label ids (H, W) uint8."""

    image: np.ndarray
    label: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Style:
    """One domain. Pairs are ranges from which each image draws its own value."""

    palette: Mapping[str, tuple[Colour, ...]]  # material -> RGB colours, one is drawn per object
    colour_spread: float  # standard deviation of an object's colour, grey levels
    facing: Mapping[str, float]  # brightness of surfaces by where they look: the direction of the light
    textures: Mapping[str, tuple[str, float]]  # material -> (pattern, contrast in grey levels)
    eye_height: tuple[float, float]  # metres above the road
    focal: tuple[float, float]  # in image widths
    horizon: tuple[float, float]  # in image heights from the top
    exposure: tuple[float, float]  # factor of the brightness
    gamma: float
    saturation: float  # 0: grey, 1: as in the palette
    cast: tuple[float, float, float]  # factors of R, G, B: the colour of the light
    haze: float  # share of the haze colour at 50 m
    haze_colour: Colour
    vignette: float  # loss of brightness in the corners
    blur: tuple[float, float]  # sigma in pixels
    noise: tuple[float, float]  # standard deviation in grey levels
    bonnet: float  # share of rows at the bottom hidden by the own car

    def camera(self, rng: Rng, street: Street, width: int, height: int) -> 'Camera':
        """Draw where the picture is taken from: in the right lane, at this domain's height and tilt."""
        return Camera(
            aside=street.half_road * rng.uniform(0.3, 0.6),
            eye=rng.uniform(*self.eye_height),
            focal=width * rng.uniform(*self.focal),
            centre=(width / 2 + rng.normal(0, 0.02) * width, height * rng.uniform(*self.horizon)),
        )


class Camera(NamedTuple):
    """A pinhole: lateral place and height in metres, focal length and principal point in pixels."""

    aside: float
    eye: float
    focal: float
    centre: tuple[float, float]

    def project(self, points: np.ndarray, bend: float) -> np.ndarray:
        """(N, 3) metres -> (N, 2) pixels; the street bends by ``bend`` metres at 100 m."""
        right, up, forward = points.T
        forward = np.maximum(forward, NEAR)
        right = right - self.aside + bend * (forward / 100) ** 2
        return np.stack(
            [self.centre[0] + self.focal * right / forward, self.centre[1] + self.focal * (self.eye - up) / forward],
            axis=1,
        )


def draw_picture(scene: tuple[Street, list[Thing]], style: Style, rng: Rng, *, width: int, height: int) -> Picture:
    """Photograph ``scene`` in ``style``."""
    street, things = scene
    camera = style.camera(rng, street, width, height)
    pieces = _rasterize(street, things, camera, (height, width))
    label_ids = [LABEL_IDS[part.name] for thing in things for part in thing]
    label = np.array(label_ids, np.uint8)[pieces[::OVERSAMPLING, ::OVERSAMPLING]]
    image = _develop(_paint(things, pieces, style, rng), style, rng, (height, width))
    if style.bonnet:
        _add_bonnet(image, label, style.bonnet)
    return Picture(_expose(image, style, rng), label)


def _rasterize(street: Street, things: list[Thing], camera: Camera, size: tuple[int, int]) -> np.ndarray:
    """Number of the visible part at every sub-pixel, counted through all things in drawing order."""
    pieces = np.zeros((size[0] * OVERSAMPLING, size[1] * OVERSAMPLING), np.int32)
    number = 0
    for thing in things:
        for part in thing:
            corners = camera.project(part.points, street.bend) * OVERSAMPLING
            corners = np.clip(corners, -16000, 16000).round().astype(np.int32)
            cv2.fillPoly(pieces, [corners], number)
            number += 1
    return pieces


def _paint(things: list[Thing], pieces: np.ndarray, style: Style, rng: Rng) -> np.ndarray:
    """Float RGB of every sub-pixel: colour of the object, light by direction, texture, haze by distance."""
    parts = [part for thing in things for part in thing]
    colours = np.array([colour for thing in things for colour in _object_colours(thing, style, rng)])
    light = np.array([style.facing[part.facing] for part in parts])
    distance = np.array([part.points[:, 2].mean() for part in parts])
    haze = 1 - (1 - style.haze) ** (distance / 50)
    lit = colours * light[:, None]
    lit = lit + haze[:, None] * (np.array(style.haze_colour) - lit)
    image = lit.astype(np.float32)[pieces]
    contrast = {name: np.zeros(len(parts), np.float32) for name in _PATTERNS}
    for number, part in enumerate(parts):
        if part.material in style.textures:
            name, strength = style.textures[part.material]
            contrast[name][number] = strength * (1 - haze[number])
    for name, pattern in _PATTERNS.items():
        if contrast[name].any():
            image += (contrast[name][pieces] * pattern(rng, pieces.shape))[..., None]
    return image


def _object_colours(thing: Thing, style: Style, rng: Rng) -> list[np.ndarray]:
    """One colour per part; the parts of an object that are made of one material share theirs."""
    drawn: dict[str, np.ndarray] = {}
    for part in thing:
        if part.material not in drawn:
            options = style.palette[part.material]
            drawn[part.material] = options[rng.integers(len(options))] + rng.normal(0, style.colour_spread, 3)
    return [drawn[part.material] for part in thing]


def _develop(image: np.ndarray, style: Style, rng: Rng, size: tuple[int, int]) -> np.ndarray:
    """Average the sub-pixels and blur: what lens and pixels do."""
    image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    sigma = rng.uniform(*style.blur)
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.1 else image


def _add_bonnet(image: np.ndarray, label: np.ndarray, share: float) -> None:
    """The own car at the bottom, which no class covers, as in Cityscapes."""
    height, width = label.shape
    edge = np.linspace(-1, 1, width)
    top = height * (1 - share * (1 - 0.5 * edge**4))
    hidden = np.arange(height)[:, None] >= top[None]
    label[hidden] = LABEL_IDS['ego vehicle']
    image[hidden] = (38, 40, 44)


def _expose(image: np.ndarray, style: Style, rng: Rng) -> np.ndarray:
    """Light, lens corners, saturation, gamma and noise of the sensor -> uint8."""
    height, width = image.shape[:2]
    grey = image.mean(axis=2, keepdims=True)
    image = (grey + style.saturation * (image - grey)) * np.array(style.cast, np.float32)
    across, down = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    image *= (1 - style.vignette * (across**2 + down**2) / 2)[..., None] * rng.uniform(*style.exposure)
    image = 255 * (np.clip(image, 0, 255) / 255) ** style.gamma
    image += rng.normal(0, rng.uniform(*style.noise), image.shape)
    return np.clip(image, 0, 255).round().astype(np.uint8)


# Patterns: zero-mean fields of about unit contrast


def _grain(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    return cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), 0.8) * 2.5


def _blotches(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    coarse = rng.standard_normal((shape[0] // 8, shape[1] // 8), np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _bricks(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    down, across = np.indices(shape, dtype=np.float32)
    row = np.floor(down / 5)
    joint = (down % 5 < 1) | ((across + 4 * (row % 2)) % 9 < 1)
    return np.where(joint, -2.0, 0.3).astype(np.float32)


def _tiles(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    down, across = np.indices(shape, dtype=np.float32)
    return np.sign(np.sin(down * 0.9) * np.sin((across + down) * 0.45)).astype(np.float32)


_PATTERNS = {'grain': _grain, 'blotches': _blotches, 'bricks': _bricks, 'tiles': _tiles}

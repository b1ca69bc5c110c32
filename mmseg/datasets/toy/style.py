"""How a toy street is photographed: camera, colours, light, lens and sensor. What stands in it is ``scene``'s."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from mmseg.datasets.toy.light import (
    GROUND,
    bloom,
    brightness,
    cast_shadows,
    contacts,
    draw_sun,
    ground_darkness,
    reflect,
)
from mmseg.datasets.toy.paint import kinds_of, paint_textures
from mmseg.datasets.toy.shapes import Part, Rng, Span, Street, Thing
from mmseg.datasets.toy.view import OVERSAMPLING, Camera, Planes, Surface, planes, rasterize, recover

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
    """One domain. Spans are ranges from which each image draws its own value."""

    palette: Mapping[str, tuple[Colour, ...]]  # material -> RGB colours, one is drawn per object
    shining: Mapping[str, float]  # material -> share of its light that is its own: lamps
    colour_spread: float  # standard deviation of an object's colour, grey levels
    contrast: Mapping[str, float] = field(default_factory=dict)  # texture -> strength, 1 where it is not named
    sun_height: Span  # degrees above the horizon
    sun: float  # light of the sun on a surface that faces it
    ambient: float  # light of the sky
    lit: Span  # share of windows with a light on
    clouds: Span  # share of the sky
    wet: Span  # how much the road mirrors
    bloom: float  # strength of the halo around lights
    haze: float  # distance in metres at which half of the colour is the haze's
    haze_colour: Colour
    eye_height: Span  # metres above the road
    focal: Span  # in image widths
    horizon: Span  # in image heights from the top
    exposure: Span  # mean grey level that the camera aims at
    gamma: float  # below 1: darker middle tones
    saturation: float  # 0: grey, 1: as in the palette
    cast: tuple[float, float, float]  # factors of R, G, B: the colour of the light
    vignette: float  # loss of brightness in the corners
    blur: Span  # sigma in pixels, of a picture 512 wide
    noise: Span  # standard deviation in grey levels
    bonnet: float  # share of rows at the bottom hidden by the own car

    def camera(self, rng: Rng, street: Street, width: int, height: int) -> Camera:
        """Draw where the picture is taken from: in the right lane, at this domain's height and tilt."""
        return Camera(
            aside=street.half_road * rng.uniform(0.3, 0.6),
            eye=rng.uniform(*self.eye_height),
            focal=width * rng.uniform(*self.focal),
            centre=(width / 2 + rng.normal(0, 0.02) * width, height * rng.uniform(*self.horizon)),
        )


class Painted(NamedTuple):
    """A picture before lens and sensor: (H, W, 3) colours, (H, W) share of own light, (H, W) wetness."""

    image: np.ndarray
    glow: np.ndarray
    wet: np.ndarray


def draw_picture(scene: tuple[Street, list[Thing]], style: Style, rng: Rng, *, width: int, height: int) -> Picture:
    """Photograph ``scene`` in ``style``."""
    street, things = scene
    camera = style.camera(rng, street, width, height)
    parts = [part for thing in things for part in thing]
    pieces = rasterize(parts, camera, street.bend, (height, width))
    label_ids = np.array([LABEL_IDS[part.name] for part in parts], np.uint8)
    label = label_ids[pieces[::OVERSAMPLING, ::OVERSAMPLING]]
    painted = _paint(things, pieces, camera, street, style=style, rng=rng)
    image = reflect(painted.image, painted.wet, camera.centre[1])
    image = bloom(image, painted.glow, style.bloom)
    if style.bonnet:
        _add_bonnet(image, label, style.bonnet)
    return Picture(_expose(_through_lens(image, style, rng), style, rng), label)


def _paint(
    things: Sequence[Thing], pieces: np.ndarray, camera: Camera, street: Street, *, style: Style, rng: Rng
) -> Painted:
    """Colour, texture, light and haze of every sub-pixel, averaged to pixels."""
    parts = [part for thing in things for part in thing]
    size = (pieces.shape[0] // OVERSAMPLING, pieces.shape[1] // OVERSAMPLING)
    plane = planes(parts, camera)
    surface = recover(pieces, plane, camera, street.bend)
    own = np.array([colour for thing in things for colour in _object_colours(thing, style, rng)], np.float32)
    colours = own[surface.piece]
    kinds = kinds_of([part.material for part in parts])
    tones = {name: np.array(options[rng.integers(len(options))], np.float32) for name, options in style.palette.items()}
    mood = {'lit': rng.uniform(*style.lit), 'cover': rng.uniform(*style.clouds)}
    glow = paint_textures(colours, surface, plane, kinds, contrast=style.contrast, tones=tones, **mood)
    lamps = np.array([style.shining.get(part.material, 0.0) for part in parts], np.float32)
    glow = np.maximum(glow if style.lit[1] else 0 * glow, lamps[surface.piece])
    light = _light(things, surface, plane, camera, street, style=style, rng=rng, size=size)
    colours *= (light + (1 - light) * glow)[:, None]
    _add_haze(colours, surface, parts, style)
    wet = _wetness(surface, parts, rng.uniform(*style.wet))
    return Painted(*(_averaged(values, pieces.shape) for values in (colours, glow, wet)))


def _light(
    things: Sequence[Thing],
    surface: Surface,
    plane: Planes,
    camera: Camera,
    street: Street,
    *,
    style: Style,
    rng: Rng,
    size: tuple[int, int],
) -> np.ndarray:
    """(N,) factor of the colours of the sub-pixels."""
    parts = [part for thing in things for part in thing]
    sun = draw_sun(rng, style.sun_height, style.sun, style.ambient)
    ground = np.array([part.name in GROUND for part in parts])
    on_ground = ground[surface.piece]
    shadow = cast_shadows(parts, camera, street.bend, sun, size) * on_ground
    light = brightness(parts, surface, plane, sun=sun, shadow=shadow, ground=ground)
    contact = contacts(things, camera, street.bend, size)
    return np.where(on_ground, light * ground_darkness(surface, street, contact), light)


def _object_colours(thing: Thing, style: Style, rng: Rng) -> list[np.ndarray]:
    """One colour per part; the parts of an object that are made of one material share theirs."""
    drawn: dict[str, np.ndarray] = {}
    for part in thing:
        material = 'coat' if part.material == 'sleeve' else part.material
        if material not in drawn:
            options = style.palette[material]
            spread = 0 if material in style.shining else style.colour_spread
            shift = rng.normal(0, spread) + rng.normal(0, 0.35 * spread, 3)
            drawn[material] = np.clip(options[rng.integers(len(options))] + shift, 4, 252)
    return [drawn['coat' if part.material == 'sleeve' else part.material] for part in thing]


def _add_haze(colours: np.ndarray, surface: Surface, parts: Sequence[Part], style: Style) -> None:
    """Far things take the colour of the air; the sky has its own."""
    exempt = np.array([part.material == 'sky' for part in parts])[surface.piece]
    share = np.where(exempt, 0, surface.z / (surface.z + np.float32(style.haze)))
    share *= np.clip(surface.z / np.float32(40), 0, 1)
    colours += share[:, None].astype(np.float32) * (np.array(style.haze_colour, np.float32) - colours)


def _wetness(surface: Surface, parts: Sequence[Part], wet: float) -> np.ndarray:
    """(N,) share of the mirror image: on the road, more at flat angles and in puddles."""
    road = np.array([part.name == 'road' for part in parts], np.float32)[surface.piece]
    return road * np.float32(wet) * np.clip(surface.z / np.float32(25), 0.15, 1)


def _averaged(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Flat values of sub-pixels -> the mean of each pixel."""
    grid = values.reshape(shape[0], shape[1], *values.shape[1:])
    upper = grid[::OVERSAMPLING, ::OVERSAMPLING] + grid[::OVERSAMPLING, 1::OVERSAMPLING]
    lower = grid[1::OVERSAMPLING, ::OVERSAMPLING] + grid[1::OVERSAMPLING, 1::OVERSAMPLING]
    return (upper + lower) * np.float32(0.25)


def _add_bonnet(image: np.ndarray, label: np.ndarray, share: float) -> None:
    """The own car at the bottom, which no class covers, as in Cityscapes; it shines a little at its edge."""
    height, width = label.shape
    edge = np.linspace(-1, 1, width)
    top = height * (1 - share * (1 - 0.5 * (edge * edge) * (edge * edge)))
    below = np.arange(height)[:, None] - top[None]
    hidden = below >= 0
    label[hidden] = LABEL_IDS['ego vehicle']
    shine = np.clip(1 - below / (0.03 * height), 0, 1)[hidden]
    image[hidden] = np.array((34, 36, 40)) + shine[:, None] * np.array((50, 54, 60))


def _through_lens(image: np.ndarray, style: Style, rng: Rng) -> np.ndarray:
    """Clip to what a sensor holds, and blur -> uint8."""
    image = np.clip(image, 0, 255).round().astype(np.uint8)
    sigma = rng.uniform(*style.blur) * image.shape[1] / 512
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.1 else image


def _expose(pixels: np.ndarray, style: Style, rng: Rng) -> np.ndarray:
    """Brightness, lens corners, saturation, gamma and noise of the sensor -> uint8."""
    height, width = pixels.shape[:2]
    aim = rng.uniform(*style.exposure)
    image = pixels.astype(np.float32) * np.float32(np.clip(aim / (int(pixels.sum()) / pixels.size), 0.6, 1.8))
    grey = (((image[..., 0] + image[..., 1]) + image[..., 2]) / 3)[..., None]
    image = (grey + np.float32(style.saturation) * (image - grey)) * np.array(style.cast, np.float32)
    across, down = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    image *= (1 - style.vignette * (across * across + down * down) / 2)[..., None].astype(np.float32)
    image = np.clip(image, 0, 255)
    image = image * (np.float32(style.gamma) + np.float32((1 - style.gamma) / 255) * image)
    image += rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(*style.noise))
    return np.clip(image, 0, 255).round().astype(np.uint8)

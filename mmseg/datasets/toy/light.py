"""Light on the toy streets: sun and sky, cast shadows, the dark where things meet the ground, wet roads, glow.

Blurs run on 8-bit images, where OpenCV is exact on every processor.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from mmseg.datasets.toy.shapes import NEAR, Part, Rng, Street, Thing, cos_sin
from mmseg.datasets.toy.view import OVERSAMPLING, UP, Camera, Planes, Surface, fill

GROUND = ('road', 'sidewalk', 'terrain')
ON_GROUND = {'person', 'rider', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle', 'pole', 'vegetation'}
MARGIN = np.array((0.12, 0, 0.22))  # metres that the dark reaches beyond a thing
REACH = 70.0  # metres; shadows of farther things are too small to be seen


class Sun(NamedTuple):
    """Direction towards the sun (length 1), its share of the light on a surface that faces it, and the sky's."""

    direction: tuple[float, float, float]
    strength: float
    ambient: float


def draw_sun(rng: Rng, height: tuple[float, float], strength: float, ambient: float) -> Sun:
    """A sun behind us, on either side, at a ``height`` in degrees above the horizon."""
    up = math.radians(rng.uniform(*height))
    aside = math.radians(rng.uniform(25, 70)) * rng.choice([-1, 1])
    (level, rise), (ahead, right) = cos_sin(up), cos_sin(aside)
    direction = (level * right, rise, -level * ahead)
    return Sun(direction, strength, ambient)


def brightness(
    parts: Sequence[Part], surface: Surface, plane: Planes, *, sun: Sun, shadow: np.ndarray, ground: np.ndarray
) -> np.ndarray:
    """(N,) factor of the colours: sky from above, sun where it reaches, less where things stand on the ground.

    Args:
        parts: the P pieces
        surface: of the N sub-pixels
        plane: of the pieces
        sun: of this picture
        shadow: (N,) share of the sun that something keeps off the ground
        ground: (P,) whether a piece is ground
    """
    normal, (x, y, z) = plane.normal, sun.direction
    facing = np.maximum((normal[:, 0] * x + normal[:, 1] * y) + normal[:, 2] * z, 0) * sun.strength
    sky = sun.ambient * (0.8 + 0.2 * normal[:, 1])
    shade = np.array([part.shade for part in parts])
    exempt = np.array([part.name == 'sky' for part in parts])
    facing, sky = np.where(exempt, 0, facing * shade), np.where(exempt, 1, sky * shade)
    sunlit, lit = facing.astype(np.float32)[surface.piece], sky.astype(np.float32)[surface.piece]
    light = lit + sunlit * (1 - shadow)
    stands = (~ground & ~exempt & (plane.facing != UP))[surface.piece]
    return light * np.where(stands, 0.6 + 0.4 * np.clip(surface.y / np.float32(0.7), 0, 1), 1).astype(np.float32)


def cast_shadows(parts: Sequence[Part], camera: Camera, bend: float, sun: Sun, size: tuple[int, int]) -> np.ndarray:
    """(N,) share of the sun that is kept off the ground, 0 to 1: every piece projected along the sun's rays."""
    mask = np.zeros((size[0] * OVERSAMPLING, size[1] * OVERSAMPLING), np.uint8)
    if sun.strength:
        x, y, z = sun.direction
        polygons = []
        for part in parts:
            points = part.points
            if part.name not in (*GROUND, 'sky') and points[:, 2].min() < REACH:
                up = np.maximum(points[:, 1], 0)
                on_ground = np.stack(
                    [points[:, 0] - up * (x / y), np.zeros(len(up)), points[:, 2] - up * (z / y)], axis=1
                )
                on_ground[:, 2] = np.maximum(on_ground[:, 2], NEAR)
                polygons.append(on_ground)
        fill(mask, polygons, camera, bend)
    return cv2.blur(mask, (3, 3)).ravel().astype(np.float32) / 255


def contacts(things: Sequence[Thing], camera: Camera, bend: float, size: tuple[int, int]) -> np.ndarray:
    """(N,) how dark it is below and around what stands on the ground, 0 to 1."""
    mask = np.zeros((size[0] * OVERSAMPLING, size[1] * OVERSAMPLING), np.uint8)
    polygons = []
    for thing in things:
        points = np.concatenate([part.points for part in thing]) if thing else np.empty((0, 3))
        points = points[points[:, 1] < 0.4] if thing and thing[0].name in ON_GROUND else points[:0]
        if len(points) and points[:, 2].min() < REACH:
            (left, _, near), (right, _, far) = points.min(0) - MARGIN, points.max(0) + MARGIN
            near = max(near, NEAR)
            corners = [(left, 0, near), (left, 0, far), (right, 0, far), (right, 0, near)]
            polygons.append(np.array(corners))
    fill(mask, polygons, camera, bend)
    return cv2.blur(cv2.blur(mask, (9, 5)), (7, 3)).ravel().astype(np.float32) / 255


def ground_darkness(surface: Surface, street: Street, contact: np.ndarray) -> np.ndarray:
    """(N,) factor of the light on the ground: below vehicles, and along the foot of the houses."""
    away = np.clip((np.float32(street.front) - np.abs(surface.x)) / np.float32(1.5), 0, 1)
    return (1 - 0.62 * contact) * (0.68 + 0.32 * away)


def reflect(image: np.ndarray, wet: np.ndarray, horizon: float) -> np.ndarray:
    """Mirror what is above the horizon in the road, smeared downwards.

    Args:
        image: (H, W, 3) 0 to 255
        wet: (H, W) share of the mirror image
        horizon: row of the horizon, from the top
    """
    height = len(image)
    source = np.clip(2 * round(horizon) - np.arange(height), 0, height - 1)
    mirrored = np.clip(image, 0, 255).round().astype(np.uint8)[source]
    smeared = cv2.blur(mirrored, (3, 2 * (height // 24) + 1)).astype(np.float32)
    return image + wet[..., None] * (smeared - image)


def bloom(image: np.ndarray, glow: np.ndarray, strength: float) -> np.ndarray:
    """Light spreads around what shines.

    Args:
        image: (H, W, 3) 0 to 255
        glow: (H, W) share of a pixel that shines
        strength: of the halo
    """
    if not strength or not glow.any():
        return image
    shine = np.clip(image * glow[..., None], 0, 255).round().astype(np.uint8)
    halo = np.zeros(image.shape, np.float32)
    for divisor in (48, 14):
        size = 2 * (len(image) // divisor) + 1
        halo += cv2.blur(cv2.blur(shine, (size, size)), (size, size))
    return image + np.float32(strength) * halo

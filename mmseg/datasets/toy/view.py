"""How a toy street falls on the picture, and back: which piece a sub-pixel shows, and where on it, in metres.

Only exact operations (sums, products, quotients, roots, roundings) are used, so that every processor finds the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from mmseg.datasets.toy.shapes import NEAR, Part

OVERSAMPLING = 2  # the picture is drawn larger and averaged: soft edges in the image, hard ones in the label
FARTHEST = 400.0  # metres; what lies beyond is as far

FRONT, SIDE, UP = 0, 1, 2
_FACINGS = {'front': FRONT, 'left': SIDE, 'right': SIDE, 'up': UP}


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
        right = right - self.aside + bend * (forward / 100) * (forward / 100)
        return np.stack(
            [self.centre[0] + self.focal * right / forward, self.centre[1] + self.focal * (self.eye - up) / forward],
            axis=1,
        )

    def sees(self, part: Part) -> bool:
        """Whether the piece shows us the side that it has."""
        if part.facing == 'left':
            return bool(part.points[0, 0] > self.aside)
        return part.facing != 'right' or bool(part.points[0, 0] < self.aside)


class Planes(NamedTuple):
    """The planes of P pieces, normal * point = offset, and their extents along the two axes of their surface."""

    normal: np.ndarray  # (P, 3), of length 1, towards the camera
    offset: np.ndarray  # (P,)
    facing: np.ndarray  # (P,) FRONT, SIDE or UP
    low: np.ndarray  # (P, 2) least u and v, metres
    size: np.ndarray  # (P, 2) extent along u and v, metres


class Surface(NamedTuple):
    """For every sub-pixel, as flat arrays (N,): its piece, its place, and how much of the surface it covers.

    ``u`` and ``v`` are the axes of the surface: right and up on what faces us, forward and up on sides, right and
    forward on the ground. ``over_u`` and ``over_v`` are what a sub-pixel covers along them.
    """

    piece: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    u: np.ndarray
    v: np.ndarray
    over_u: np.ndarray
    over_v: np.ndarray


def rasterize(parts: Sequence[Part], camera: Camera, bend: float, size: tuple[int, int]) -> np.ndarray:
    """Number of the visible piece at every sub-pixel of a picture of ``size`` (height, width), in drawing order."""
    pieces = np.zeros((size[0] * OVERSAMPLING, size[1] * OVERSAMPLING), np.int32)
    fill(pieces, [part.points for part in parts], camera, bend, [camera.sees(part) for part in parts])
    return pieces


def fill(
    target: np.ndarray, polygons: Sequence[np.ndarray], camera: Camera, bend: float, seen: Sequence[bool] | None = None
) -> None:
    """Write the number of each polygon (metres) where it is seen; into a mask of uint8: 255."""
    if not polygons:
        return
    corners = camera.project(np.concatenate(polygons), bend) * OVERSAMPLING
    corners = np.clip(corners, -16000, 16000).round().astype(np.int32)
    start = 0
    for number, polygon in enumerate(polygons):
        end = start + len(polygon)
        if seen is None or seen[number]:
            cv2.fillPoly(target, [corners[start:end]], 255 if target.dtype == np.uint8 else number)
        start = end


def planes(parts: Sequence[Part], camera: Camera) -> Planes:
    """The planes in which the pieces lie."""
    points = np.concatenate([part.points for part in parts])
    lengths = np.array([len(part.points) for part in parts])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    following = np.arange(1, len(points) + 1)
    following[starts + lengths - 1] = starts
    normal = np.add.reduceat(np.cross(points, points[following]), starts)
    norm = np.sqrt((normal[:, 0] * normal[:, 0] + normal[:, 1] * normal[:, 1]) + normal[:, 2] * normal[:, 2])
    normal = np.where(norm[:, None] > 1e-9, normal / np.maximum(norm, 1e-9)[:, None], (0.0, 0.0, -1.0))
    middle = np.add.reduceat(points, starts) / lengths[:, None]
    towards = np.array((camera.aside, camera.eye, 0.0)) - middle
    away = (normal[:, 0] * towards[:, 0] + normal[:, 1] * towards[:, 1]) + normal[:, 2] * towards[:, 2] < 0
    normal[away] *= -1
    offset = (normal[:, 0] * middle[:, 0] + normal[:, 1] * middle[:, 1]) + normal[:, 2] * middle[:, 2]
    facing = np.array([_FACINGS[part.facing] for part in parts])
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    first, second = np.where(facing == SIDE, 2, 0), np.where(facing == UP, 2, 1)
    rows = np.arange(len(parts))
    low = np.stack([low[rows, first], low[rows, second]], axis=1)
    high = np.stack([high[rows, first], high[rows, second]], axis=1)
    return Planes(normal, offset, facing, low, high - low)


def recover(pieces: np.ndarray, plane: Planes, camera: Camera, bend: float) -> Surface:
    """Where on its piece every sub-pixel lies: the ray through it meets the plane of the piece.

    A point at the distance z is seen at x = ray_x z + aside - bend' z^2 and y = eye - ray_y z, so that its plane is
    met where a z^2 + b z + c = 0.
    """
    height, width = pieces.shape
    ray_x = ((np.arange(width) + 0.5) / OVERSAMPLING - camera.centre[0]) / camera.focal
    ray_y = ((np.arange(height) + 0.5) / OVERSAMPLING - camera.centre[1]) / camera.focal
    right, down = (axis.astype(np.float32).ravel() for axis in np.meshgrid(ray_x, ray_y))
    piece = pieces.ravel()
    curve = np.float32(bend / 10000)
    nx, ny, nz = (plane.normal[:, axis].astype(np.float32)[piece] for axis in range(3))
    constant = plane.normal[:, 0] * camera.aside + plane.normal[:, 1] * camera.eye - plane.offset
    c = constant.astype(np.float32)[piece]
    b = nx * right - ny * down + nz
    root = np.sqrt(np.maximum(b * b + 4 * curve * nx * c, 0))
    below = b + np.where(b < 0, -root, root)
    z = np.clip(-2 * c / np.where(np.abs(below) < 1e-6, np.float32(1e-6), below), NEAR, FARTHEST)
    x = right * z + np.float32(camera.aside) - curve * z * z
    y = np.float32(camera.eye) - down * z
    facing = plane.facing.astype(np.uint8)[piece]
    per_pixel = z * np.float32(1 / (camera.focal * OVERSAMPLING))
    slope = z * per_pixel / np.maximum(np.abs(c), np.float32(0.05))
    on_side, on_ground = facing == SIDE, facing == UP
    over_u = np.where(on_side, slope * np.abs(nx), per_pixel)
    over_v = np.where(on_ground, slope * np.abs(ny), per_pixel + np.where(on_side, np.abs(down) * over_u, 0))
    return Surface(piece, x, y, z, np.where(on_side, z, x), np.where(on_ground, z, y), over_u, over_v)

"""What changes colours and leaves every pixel in its place."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from mmseg.config.values import Positive, Whole
from mmseg.datasets.pipelines.transform import Part, Transform
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Normalize(Transform):
    """(image - mean) / std in float32; mean and std are in 0..255, in RGB order when ``to_rgb``."""

    part = Part.IMAGE

    def __init__(self, *, mean: Sequence[float], std: Sequence[Positive], to_rgb: bool = True) -> None:
        self.mean = np.array(mean, dtype=np.float32)
        self.std = np.array(std, dtype=np.float32)
        self.to_rgb = to_rgb

    def check_image(self, channels: int, dtype: np.dtype, name: str) -> None:
        for key, values in (('mean', self.mean), ('std', self.std)):
            if len(values) != channels:
                raise InputError(
                    f'Image {name!r} has {channels} channel(s), but {key} of Normalize {len(values)} number(s): it '
                    'needs one for each channel (color_type of LoadImageFromFile says how many there are).'
                )
        if self.to_rgb and channels != 3:
            raise InputError(
                f'Image {name!r} has {channels} channel(s), which cannot be put in the order RGB: give Normalize '
                'to_rgb=False.'
            )

    def apply(self, results: dict, params: None) -> dict:
        refuse_image(self, results)
        img = results['img'].astype(np.float32)
        if self.to_rgb:
            cv2.cvtColor(img, cv2.COLOR_BGR2RGB, img)
        cv2.subtract(img, self.mean.astype(np.float64).reshape(1, -1), img)
        cv2.multiply(img, 1 / self.std.astype(np.float64).reshape(1, -1), img)
        return {**results, 'img': img, 'img_norm_cfg': {'mean': self.mean, 'std': self.std, 'to_rgb': self.to_rgb}}


def refuse_image(step: Transform, results: dict) -> None:
    """Let ``step`` refuse the image in ``results``."""
    img = results['img']
    step.check_image(1 if img.ndim == 2 else img.shape[2], img.dtype, str(results.get('filename', 'image')))


class Distortion(NamedTuple):
    """One draw of :class:`PhotoMetricDistortion`; None leaves that property as it is."""

    brightness: float | None
    contrast: float | None
    saturation: float | None
    hue: int | None
    contrast_first: bool


@TRANSFORMS.register_module()
class PhotoMetricDistortion(Transform):
    """Brightness, contrast, saturation and hue, each in half of the cases; contrast before or after the colours.

    Liu et al., SSD (2016), section 2.2, on uint8 BGR images.

    Args:
        brightness_delta: brightness moves by up to this many grey levels.
        contrast_range: factors of contrast.
        saturation_range: factors of saturation.
        hue_delta: hue moves by up to this, in OpenCV's units of two degrees.
    """

    part = Part.IMAGE

    def __init__(
        self,
        *,
        brightness_delta: Whole = 32,
        contrast_range: tuple[Positive, Positive] = (0.5, 1.5),
        saturation_range: tuple[Positive, Positive] = (0.5, 1.5),
        hue_delta: Whole = 18,
    ) -> None:
        for key, bounds in (('contrast_range', contrast_range), ('saturation_range', saturation_range)):
            if bounds[0] > bounds[1]:
                raise InputError(f'PhotoMetricDistortion: {key} is (least, most), not {bounds}.')
        self.brightness_delta = brightness_delta
        self.contrast_range = tuple(contrast_range)
        self.saturation_range = tuple(saturation_range)
        self.hue_delta = hue_delta

    def check_image(self, channels: int, dtype: np.dtype, name: str) -> None:
        if channels != 3 or dtype not in (np.uint8, np.float32):
            raise InputError(
                f'Image {name!r} has {channels} channel(s) of {dtype}, but PhotoMetricDistortion works on RGB of 8 '
                "bits: take it out of the pipeline, or read images with color_type='color'."
            )

    def draw(self, results: dict, rng: np.random.Generator) -> Distortion:
        brightness = self._uniform(rng, (-self.brightness_delta, self.brightness_delta))
        contrast_first = bool(rng.integers(2) == 1)
        contrast = self._uniform(rng, self.contrast_range) if contrast_first else None
        saturation = self._uniform(rng, self.saturation_range)
        hue = int(rng.integers(-self.hue_delta, self.hue_delta)) if rng.integers(2) and self.hue_delta else None
        if not contrast_first:
            contrast = self._uniform(rng, self.contrast_range)
        return Distortion(brightness, contrast, saturation, hue, contrast_first)

    def apply(self, results: dict, params: Distortion) -> dict:
        refuse_image(self, results)
        img = linear(results['img'].astype(np.uint8, copy=False), offset=params.brightness)
        if params.contrast_first:
            img = linear(img, factor=params.contrast)
        img = shift_colours(img, params.saturation, params.hue)
        if not params.contrast_first:
            img = linear(img, factor=params.contrast)
        return {**results, 'img': img}

    @staticmethod
    def _uniform(rng: np.random.Generator, bounds: Sequence[float]) -> float | None:
        return float(rng.uniform(bounds[0], bounds[1])) if rng.integers(2) else None


def linear(img: np.ndarray, *, factor: float | None = None, offset: float | None = None) -> np.ndarray:
    """``factor`` * img + ``offset``, cut to 0..255, as uint8; an image where both are None is left as it is."""
    if factor is None and offset is None:
        return img
    changed = img.astype(np.float32) * (1 if factor is None else factor) + (0 if offset is None else offset)
    return np.clip(changed, 0, 255).astype(np.uint8)


def shift_colours(img: np.ndarray, saturation: float | None, hue: int | None) -> np.ndarray:
    """Saturation times a factor, then hue moved, each by way of uint8 HSV."""
    if saturation is not None:
        hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
        hsv[..., 1] = linear(hsv[..., 1], factor=saturation)
        img = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    if hue is not None:
        hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + hue) % 180
        img = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    return img

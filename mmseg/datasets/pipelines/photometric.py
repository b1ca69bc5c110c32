"""What changes colours and leaves every pixel in its place."""

from collections.abc import Sequence
from functools import partial
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

    Liu et al., SSD (2016), section 2.2, on uint8 BGR images; on ones of 16 bits with the brightest value of an image as
    its white. Of images of another number of bands, brightness and contrast of all are changed, and saturation and hue
    of those that ``rgb_bands`` names.

    Args:
        brightness_delta: brightness moves by up to this many grey levels.
        contrast_range: factors of contrast.
        saturation_range: factors of saturation.
        hue_delta: hue moves by up to this, in OpenCV's units of two degrees.
        rgb_bands: places of red, green and blue in the image as it is loaded; () = none are. None: of three, BGR as
            OpenCV reads them.
    """

    part = Part.IMAGE

    def __init__(
        self,
        *,
        brightness_delta: Whole = 32,
        contrast_range: tuple[Positive, Positive] = (0.5, 1.5),
        saturation_range: tuple[Positive, Positive] = (0.5, 1.5),
        hue_delta: Whole = 18,
        rgb_bands: Sequence[Whole] | None = None,
    ) -> None:
        for key, bounds in (('contrast_range', contrast_range), ('saturation_range', saturation_range)):
            if bounds[0] > bounds[1]:
                raise InputError(f'PhotoMetricDistortion: {key} is (least, most), not {bounds}.')
        if rgb_bands is not None and len(set(rgb_bands)) not in (0, 3):
            raise InputError(f'PhotoMetricDistortion: rgb_bands names red, green and blue, or none: not {rgb_bands!r}.')
        self.rgb_bands = None if rgb_bands is None else tuple(rgb_bands)
        self.brightness_delta = brightness_delta
        self.contrast_range = tuple(contrast_range)
        self.saturation_range = tuple(saturation_range)
        self.hue_delta = hue_delta

    def check_image(self, channels: int, dtype: np.dtype, name: str) -> None:
        if dtype not in (np.uint8, np.uint16, np.float32):
            raise InputError(
                f'Image {name!r} is {dtype}, but PhotoMetricDistortion works on 8 and 16 bits without sign: take it '
                'out of the pipeline.'
            )
        if self.rgb_bands and max(self.rgb_bands) >= channels:
            raise InputError(
                f'Image {name!r} has {channels} channel(s); rgb_bands={list(self.rgb_bands)} of PhotoMetricDistortion '
                'names another one.'
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
        img, white = results['img'], 255.0
        if img.dtype == np.float32:
            img = _as_bytes(img, results)
        elif img.dtype == np.uint16:
            white = float(max(img.max(), 1))
        img = linear(img, offset=None if params.brightness is None else params.brightness * (white / 255))
        if params.contrast_first:
            img = linear(img, factor=params.contrast)
        img = self._recoloured(img, params, white)
        if not params.contrast_first:
            img = linear(img, factor=params.contrast)
        return {**results, 'img': img}

    def _recoloured(self, img: np.ndarray, params: Distortion, white: float) -> np.ndarray:
        """``img`` with saturation and hue moved, of the bands that have colours."""
        three = img.ndim == 3 and img.shape[2] == 3
        bgr = ((0, 1, 2) if three else ()) if self.rgb_bands is None else self.rgb_bands[::-1]
        if not bgr or (params.saturation is None and params.hue is None):
            return img
        shift = shift_colours if img.dtype == np.uint8 else partial(shift_deep_colours, white=white)
        if bgr == (0, 1, 2) and three:
            return shift(img, params.saturation, params.hue)
        changed = img.copy()
        changed[..., bgr] = shift(np.ascontiguousarray(img[..., bgr]), params.saturation, params.hue)
        return changed

    @staticmethod
    def _uniform(rng: np.random.Generator, bounds: Sequence[float]) -> float | None:
        return float(rng.uniform(bounds[0], bounds[1])) if rng.integers(2) else None


def linear(img: np.ndarray, *, factor: float | None = None, offset: float | None = None) -> np.ndarray:
    """``factor`` * img + ``offset``, cut to the range of its type; an image where both are None is left as it is."""
    if factor is None and offset is None:
        return img
    changed = img.astype(np.float32) * (1 if factor is None else factor) + (0 if offset is None else offset)
    return np.clip(changed, 0, np.iinfo(img.dtype).max).astype(img.dtype)


def _as_bytes(img: np.ndarray, results: dict) -> np.ndarray:
    """An image of 8 bits that was made float.

    Raises:
        InputError: it holds other values.
    """
    shares = img.max() <= 1 and (img != np.rint(img)).any()  # reflectances, of which 8 bits would keep nothing
    if img.min() < 0 or img.max() > 255 or shares:
        raise InputError(
            f'Image {str(results.get("filename", "image"))!r} holds values from {img.min():g} to {img.max():g}; of '
            'floats PhotoMetricDistortion works on those in 0..255: take it out of the pipeline.'
        )
    return img.astype(np.uint8)


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


def shift_deep_colours(img: np.ndarray, saturation: float | None, hue: int | None, *, white: float) -> np.ndarray:
    """As :func:`shift_colours` of an image of 16 bits whose brightest value is ``white``, by way of float HSV."""
    hsv = cv2.cvtColor((img / white).astype(np.float32), cv2.COLOR_BGR2HSV)
    if saturation is not None:
        hsv[..., 1] = (hsv[..., 1] * saturation).clip(0, 1)
    if hue is not None:
        hsv[..., 0] = (hsv[..., 0] + 2 * hue) % 360
    return np.rint(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR) * white).clip(0, np.iinfo(img.dtype).max).astype(img.dtype)

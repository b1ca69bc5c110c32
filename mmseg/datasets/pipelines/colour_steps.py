"""Steps of colours and values that configs of mmseg 0.x have: CLAHE, gamma, grey, range; and holes."""

from collections.abc import Sequence

import cv2
import numpy as np

from mmseg.config.values import Count, Fraction, NotNegative, Positive
from mmseg.datasets.pipelines.fields import IMG, LABEL, field_of
from mmseg.datasets.pipelines.geometry import fields_of
from mmseg.datasets.pipelines.photometric import refuse_image
from mmseg.datasets.pipelines.transform import Part, Transform, size_of
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS

Hole = tuple[int, int, int, int]
"""First row, end row, first column, end column."""


class _OfBytes(Transform):
    """A step on images of 8 bits."""

    part = Part.IMAGE

    def check_image(self, channels: int, dtype: np.dtype, name: str) -> None:
        if dtype != np.uint8:
            raise InputError(
                f'Image {name!r} is {dtype}, but {type(self).__name__} works on 8 bits: put Rerange in front of it, '
                "or read images with color_type='color'."
            )


@TRANSFORMS.register_module()
class CLAHE(_OfBytes):
    """Equalises the histogram of each band by tiles, with limited contrast.

    Args:
        clip_limit: of the contrast.
        tile_grid_size: tiles in (height, width).
    """

    def __init__(self, *, clip_limit: Positive = 40.0, tile_grid_size: tuple[Count, Count] = (8, 8)) -> None:
        self.clip_limit = float(clip_limit)
        self.tile_grid_size = (int(tile_grid_size[0]), int(tile_grid_size[1]))

    def apply(self, results: dict, params: None) -> dict:
        refuse_image(self, results)
        clahe = cv2.createCLAHE(self.clip_limit, self.tile_grid_size[::-1])
        return {**results, 'img': by_band(results['img'], clahe.apply)}


@TRANSFORMS.register_module()
class AdjustGamma(_OfBytes):
    """255 * (value / 255) ** (1 / gamma), of 8 bits."""

    def __init__(self, *, gamma: Positive = 1.0) -> None:
        self.table = np.rint((np.arange(256) / 255) ** (1 / gamma) * 255).astype(np.uint8)

    def apply(self, results: dict, params: None) -> dict:
        refuse_image(self, results)
        return {**results, 'img': self.table[results['img']]}


@TRANSFORMS.register_module()
class RGB2Gray(_OfBytes):
    """The weighted mean of red, green and blue, as often as there were bands.

    Args:
        out_channels: bands of the result; None: three.
        weights: of red, green and blue.
    """

    def __init__(
        self,
        *,
        out_channels: Count | None = None,
        weights: tuple[NotNegative, NotNegative, NotNegative] = (0.299, 0.587, 0.114),
    ) -> None:
        if out_channels not in (None, 3):
            raise InputError(
                'RGB2Gray: out_channels is None or 3, as many as are normalised; for one channel read images with '
                "LoadImageFromFile(color_type='grayscale')."
            )
        self.weights = np.array(weights, np.float64)

    def check_image(self, channels: int, dtype: np.dtype, name: str) -> None:
        super().check_image(channels, dtype, name)
        if channels != 3:
            raise InputError(f'Image {name!r} has {channels} channel(s), but RGB2Gray works on three.')

    def apply(self, results: dict, params: None) -> dict:
        refuse_image(self, results)
        grey = results['img'].astype(np.float64) @ self.weights[::-1]  # images are BGR
        values = np.rint(grey).clip(0, 255).astype(np.uint8)
        return {**results, 'img': np.repeat(values[..., None], 3, axis=2)}


@TRANSFORMS.register_module()
class Rerange(Transform):
    """Brings the smallest and the largest value of each image to ``min_value`` and ``max_value``.

    The values of a range within 0..255 become 8 bits; an image of one value becomes ``min_value``.

    Args:
        min_value: of the result.
        max_value: of the result, above ``min_value``.
    """

    part = Part.IMAGE

    def __init__(self, *, min_value: float = 0, max_value: float = 255) -> None:
        if min_value >= max_value:
            raise InputError(f'Rerange: min_value={min_value} has to be below max_value={max_value}.')
        self.min_value, self.max_value = float(min_value), float(max_value)

    def apply(self, results: dict, params: None) -> dict:
        img = results['img'].astype(np.float32)
        least, most = float(img.min()), float(img.max())
        factor = (self.max_value - self.min_value) / (most - least) if most > least else 0.0
        changed = (img - least) * factor + self.min_value
        return {**results, 'img': np.rint(changed).astype(np.uint8) if self.gives(img.dtype) == np.uint8 else changed}

    def gives(self, dtype: np.dtype) -> np.dtype:
        fits = self.min_value >= 0 and self.max_value <= 255 and self.max_value > 1
        return np.dtype(np.uint8 if fits else np.float32)


@TRANSFORMS.register_module()
class RandomCutOut(Transform):
    """Fills random boxes of image and label (DeVries and Taylor, 2017).

    Args:
        prob: probability.
        n_holes: number of boxes, or (least, most).
        cutout_shape: (height, width) of a box, or several, of which one is drawn for each.
        cutout_ratio: the same as shares of the image.
        fill_in: value of the image in it, one for every band, in the image's order.
        seg_fill_in: train id in it; None leaves the label as it is.
    """

    part = Part.BOTH

    def __init__(
        self,
        *,
        prob: Fraction,
        n_holes: Count | tuple[Count, Count],
        cutout_shape: Sequence | None = None,
        cutout_ratio: Sequence | None = None,
        fill_in: Sequence[float] = (0, 0, 0),
        seg_fill_in: int | None = None,
    ) -> None:
        if (cutout_shape is None) == (cutout_ratio is None):
            raise InputError('RandomCutOut: give either cutout_shape or cutout_ratio.')
        self.prob = prob
        self.n_holes = (n_holes, n_holes) if isinstance(n_holes, int) else (int(n_holes[0]), int(n_holes[1]))
        self.relative = cutout_ratio is not None
        self.shapes = several(cutout_shape if cutout_ratio is None else cutout_ratio)
        self.fill_in = tuple(fill_in)
        self.seg_fill_in = seg_fill_in

    def draw(self, results: dict, rng: np.random.Generator) -> list[Hole]:
        """The boxes; none in 1 - ``prob`` of the cases."""
        holes: list[Hole] = []
        height, width = size_of(results)
        if rng.random() >= self.prob:
            return holes
        for _ in range(int(rng.integers(self.n_holes[0], self.n_holes[1] + 1))):
            rows, columns = self.shapes[int(rng.integers(len(self.shapes)))]
            if self.relative:
                rows, columns = rows * height, columns * width
            top, left = int(rng.integers(height)), int(rng.integers(width))
            holes.append((top, min(top + int(rows), height), left, min(left + int(columns), width)))
        return holes

    def apply(self, results: dict, params: list[Hole]) -> dict:
        results = dict(results)
        for name in fields_of(results) if params else ():
            value = self._value(name, results[name])
            if value is None:
                continue
            results[name] = results[name].copy()
            for top, bottom, left, right in params:
                results[name][top:bottom, left:right] = value
        return results

    def _value(self, name: str, array: np.ndarray) -> object:
        """What fills a field; None: it is left as it is."""
        if name == LABEL.name:
            return self.seg_fill_in
        if name != IMG.name:
            return field_of(name).border(pad_val=0, seg_pad_val=0)
        bands = 1 if array.ndim == 2 else array.shape[2]
        fill = self.fill_in if len(self.fill_in) == bands else (self.fill_in[0],) * bands
        return np.array(fill, array.dtype)[0] if array.ndim == 2 else np.array(fill, array.dtype)


def several(shapes: Sequence | None) -> list[tuple[float, float]]:
    """One (height, width), or a list of them."""
    given = list(shapes or ())
    pairs = given if given and isinstance(given[0], list | tuple) else [given]
    if not all(len(pair) == 2 and min(pair) > 0 for pair in pairs):
        raise InputError(f'RandomCutOut: a box is (height, width), both above 0, not {shapes!r}.')
    return [(pair[0], pair[1]) for pair in pairs]


def by_band(img: np.ndarray, change: object) -> np.ndarray:
    """``change`` of every band of an image (H, W[, C])."""
    assert callable(change)
    if img.ndim == 2:
        return change(img)
    return np.stack([change(np.ascontiguousarray(img[..., band])) for band in range(img.shape[2])], axis=2)

"""What moves pixels: size, cut, mirror, turn, border. Every step treats image and label alike."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from mmseg.config.label_ids import IGNORE
from mmseg.config.values import Count, Finite, Fraction, Positive, fits
from mmseg.datasets.pipelines.fields import LABEL, field_of
from mmseg.datasets.pipelines.transform import Part, Transform, shape_of, size_of
from mmseg.errors import InputError
from mmseg.registry import TRANSFORMS

Scale = tuple[int, int]


@TRANSFORMS.register_module()
class Resize(Transform):
    """Changes the size; images and weights bilinearly, labels and masks to the nearest pixel.

    Args:
        img_scale: (width, height), or several of them; None keeps the size (then ``ratio_range`` acts on the
            image's own size) or takes ``results['scale']`` as test-time augmentation sets it.
        multiscale_mode: of several scales, 'value' draws one, 'range' draws each edge between two of them.
        ratio_range: (least, most) factor on the scale, drawn uniformly.
        keep_ratio: fit into the scale (long edge into long, short into short) instead of meeting it exactly.
    """

    part = Part.BOTH

    def __init__(
        self,
        *,
        img_scale: tuple[Count, Count] | Sequence[tuple[Count, Count]] | None = None,
        multiscale_mode: str = 'range',
        ratio_range: tuple[Positive, Positive] | None = None,
        keep_ratio: bool = True,
    ) -> None:
        self.scales = scale_list(img_scale)
        self.ratio_range = None if ratio_range is None else tuple(ratio_range)
        self.multiscale_mode = multiscale_mode
        self.keep_ratio = keep_ratio
        if multiscale_mode not in ('range', 'value'):
            raise InputError(f"Resize: multiscale_mode is 'range' or 'value', not {multiscale_mode!r}.")
        if ratio_range is not None and len(self.scales) > 1:
            raise InputError('Resize: ratio_range needs a single img_scale (or None).')
        if ratio_range is None and multiscale_mode == 'range' and len(self.scales) > 2:
            raise InputError("Resize: multiscale_mode 'range' needs two img_scale, the least and the most.")

    def draw(self, results: dict, rng: np.random.Generator) -> Scale:
        """The (width, height) to fit into, or to meet without ``keep_ratio``."""
        if 'scale' in results and 'keep_ratio' not in results:  # set from outside, not by a Resize before this one
            return results['scale']
        if self.ratio_range is not None:
            height, width = size_of(results)
            base = self.scales[0] if self.scales else (width, height)
            least, most = self.ratio_range
            ratio = rng.random() * (most - least) + least
            return int(base[0] * ratio), int(base[1] * ratio)
        if not self.scales:
            raise InputError('Resize: give img_scale or ratio_range.')
        if len(self.scales) == 1:
            return self.scales[0]
        if self.multiscale_mode == 'value':
            return self.scales[int(rng.integers(len(self.scales)))]
        long, short = ([edge(scale) for scale in self.scales] for edge in (max, min))
        return int(rng.integers(min(long), max(long) + 1)), int(rng.integers(min(short), max(short) + 1))

    def target(self, size: Scale, scale: Scale) -> Scale:
        """The (width, height) that an image of ``size`` gets for a drawn ``scale``."""
        return fitted(size, scale) if self.keep_ratio else scale

    def apply(self, results: dict, params: Scale) -> dict:
        results = dict(results)
        height, width = size_of(results)
        new = self.target((width, height), params)
        for name in fields_of(results):
            results[name] = cv2.resize(results[name], new, interpolation=field_of(name).interpolation)
        results |= {'scale': params, 'img_shape': shape_of(results), 'pad_shape': shape_of(results)}
        results['scale_factor'] = np.array([new[0] / width, new[1] / height] * 2, dtype=np.float32)
        results['keep_ratio'] = self.keep_ratio
        return results


def ignored_id(results: dict, given: int | None) -> int:
    """The train id that means ignored: as a step was given it, else that of the data set."""
    if given is not None:
        return given
    return results['label_reader'].ignore_index if 'label_reader' in results else IGNORE


def fields_of(results: dict) -> list[str]:
    """Names of the image and of all fields that move with it, as far as ``results`` holds them."""
    return [name for name in ('img', *results.get('seg_fields', [])) if name in results]


@TRANSFORMS.register_module()
class AlignedResize(Resize):
    """As :class:`Resize`, then up to multiples of ``size_divisor``: how SegFormer's configs make test images.

    Args:
        size_divisor: what height and width become multiples of.
        **resize: of :class:`Resize`.
    """

    def __init__(self, *, size_divisor: Count = 32, **resize) -> None:
        super().__init__(**resize)
        self.size_divisor = size_divisor

    def target(self, size: Scale, scale: Scale) -> Scale:
        width, height = super().target(size, scale)
        return self._aligned(width), self._aligned(height)

    def _aligned(self, edge: int) -> int:
        return math.ceil(edge / self.size_divisor) * self.size_divisor


def scale_list(img_scale: Sequence | None) -> list[Scale]:
    """``img_scale`` of a config (None, one pair or a list of pairs) as a list of (width, height)."""
    if img_scale is None:
        return []
    pairs = [img_scale] if len(img_scale) == 2 and not isinstance(img_scale[0], list | tuple) else list(img_scale)
    if not all(fits(pair, tuple[Count, Count]) for pair in pairs):
        raise InputError(
            f'img_scale is (width, height), whole numbers of at least 1, or a list of such pairs, not {img_scale!r}.'
        )
    return [(int(width), int(height)) for width, height in pairs]


def fitted(size: Scale, scale: Scale) -> Scale:
    """``size`` (width, height) scaled so that its long edge fits the long one of ``scale``, and its short the short."""
    factor = min(max(scale) / max(size), min(scale) / min(size))
    return max(1, int(size[0] * factor + 0.5)), max(
        1, int(size[1] * factor + 0.5)
    )  # a thread of an image keeps a pixel


class Box(NamedTuple):
    """Rows ``y1:y2`` and columns ``x1:x2``; may reach beyond an image that is smaller than the crop."""

    y1: int
    y2: int
    x1: int
    x2: int

    def cut(self, array: np.ndarray) -> np.ndarray:
        return array[self.y1 : self.y2, self.x1 : self.x2]


@TRANSFORMS.register_module()
class RandomCrop(Transform):
    """Cuts a box at a random place.

    Args:
        crop_size: (height, width).
        cat_max_ratio: largest share that one class may have of the labelled pixels of the cut. A box that fails,
            or has fewer than two classes, is drawn again up to 10 times; the last one stays. Without a label
            there is one draw.
        ignore_index: train id that does not count; None: what the data set ignores.
    """

    part = Part.BOTH
    for_training_only = True
    REDRAWS = 10

    def __init__(
        self, *, crop_size: tuple[Count, Count], cat_max_ratio: Fraction = 1.0, ignore_index: int | None = None
    ) -> None:
        self.crop_size = (int(crop_size[0]), int(crop_size[1]))
        if min(self.crop_size) <= 0:
            raise InputError(f'RandomCrop: crop_size is (height, width), both above 0, not {crop_size!r}.')
        self.cat_max_ratio = cat_max_ratio
        self.ignore_index = ignore_index

    def draw(self, results: dict, rng: np.random.Generator) -> Box:
        box = self._box(results, rng)
        if self.cat_max_ratio < 1 and LABEL.name in results:
            for _ in range(self.REDRAWS):
                if self._varied(box.cut(results[LABEL.name]), ignored_id(results, self.ignore_index)):
                    break
                box = self._box(results, rng)
        return box

    def apply(self, results: dict, params: Box) -> dict:
        results = dict(results)
        for name in fields_of(results):
            results[name] = params.cut(results[name])
        results['img_shape'] = shape_of(results)
        return results

    def _box(self, results: dict, rng: np.random.Generator) -> Box:
        (height, width), (rows, columns) = size_of(results), self.crop_size
        y1 = int(rng.integers(0, max(height - rows, 0) + 1))
        x1 = int(rng.integers(0, max(width - columns, 0) + 1))
        return Box(y1, y1 + rows, x1, x1 + columns)

    def _varied(self, label: np.ndarray, ignored: int) -> bool:
        values = np.iinfo(label.dtype).max + 1  # a histogram is faster than bincount
        counts = (
            cv2.calcHist([label], [0], None, [values], [0, values]).ravel().astype(np.int64)
        )  # faster than bincount
        counts[ignored] = 0
        return bool(np.count_nonzero(counts) > 1 and counts.max() < self.cat_max_ratio * counts.sum())


DIRECTIONS = ('horizontal', 'vertical')


class Flip(NamedTuple):
    flip: bool
    direction: str


@TRANSFORMS.register_module()
class RandomFlip(Transform):
    """Mirrors with probability ``prob``; test-time augmentation decides it with ``results['flip']``.

    Args:
        prob: probability; ``flip_ratio`` is its older name.
        direction: 'horizontal' or 'vertical'.
        flip_ratio: see ``prob``.
    """

    part = Part.BOTH

    def __init__(
        self, *, prob: float | None = None, direction: str = 'horizontal', flip_ratio: float | None = None
    ) -> None:
        self.prob = flip_ratio if prob is None else prob
        self.direction = direction
        if direction not in DIRECTIONS:
            raise InputError(f"RandomFlip: direction is 'horizontal' or 'vertical', not {direction!r}.")
        if self.prob is not None and not 0 <= self.prob <= 1:
            raise InputError(f'RandomFlip: prob lies in 0..1, not {self.prob}.')

    def draw(self, results: dict, rng: np.random.Generator) -> Flip:
        direction = results.get('flip_direction', self.direction)
        if 'flip' in results:
            return Flip(results['flip'], direction)
        return Flip(self.prob is not None and bool(rng.random() < self.prob), direction)

    def apply(self, results: dict, params: Flip) -> dict:
        results = {**results, 'flip': params.flip, 'flip_direction': params.direction}
        if params.flip:
            code = 1 if params.direction == 'horizontal' else 0
            for name in fields_of(results):
                results[name] = cv2.flip(results[name], code)
        return results


@TRANSFORMS.register_module()
class Pad(Transform):
    """Adds a border at the right and bottom.

    Args:
        size: (height, width) to reach at least.
        size_divisor: or: the next multiples of this.
        pad_val: grey value of the border; behind Normalize, 0 is the mean colour.
        seg_pad_val: train id of the border; None: what the data set ignores. Other fields have a fill value of their
            own.
    """

    part = Part.BOTH

    def __init__(
        self,
        *,
        size: tuple[Count, Count] | None = None,
        size_divisor: Count | None = None,
        pad_val: Finite = 0,
        seg_pad_val: int | None = None,
    ) -> None:
        if (size is None) == (size_divisor is None):
            raise InputError('Pad: give either size or size_divisor.')
        self.size = (0, 0) if size is None else (int(size[0]), int(size[1]))
        self.size_divisor = size_divisor or 1
        self.pad_val = pad_val
        self.seg_pad_val = seg_pad_val

    def apply(self, results: dict, params: None) -> dict:
        results = dict(results)
        height, width = size_of(results)
        rows, columns = (
            math.ceil(max(edge, least) / self.size_divisor) * self.size_divisor
            for edge, least in zip((height, width), self.size, strict=True)
        )
        seg_pad_val = ignored_id(results, self.seg_pad_val)
        for name in fields_of(results):
            value = field_of(name).border(pad_val=self.pad_val, seg_pad_val=seg_pad_val)
            results[name] = cv2.copyMakeBorder(
                results[name], 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT, value=value
            )
        results['pad_shape'] = shape_of(results)
        return results


@TRANSFORMS.register_module()
class RandomRotate(Transform):
    """Turns by a random angle, clockwise for positive degrees.

    Args:
        prob: probability.
        degree: largest angle, or (least, most).
        pad_val: grey value where the image does not reach.
        seg_pad_val: train id there; None: what the data set ignores. Other fields have a fill value of their own.
        center: (x, y) to turn about; None is the middle.
        auto_bound: enlarge the image so that nothing is cut off.
    """

    part = Part.BOTH
    for_training_only = True

    def __init__(
        self,
        *,
        prob: Fraction,
        degree: Finite | tuple[Finite, Finite],
        pad_val: Finite = 0,
        seg_pad_val: int | None = None,
        center: tuple[Finite, Finite] | None = None,
        auto_bound: bool = False,
    ) -> None:
        least, most = (-degree, degree) if isinstance(degree, int | float) else degree
        if least > most:
            raise InputError(f'RandomRotate: degree {degree} is above 0 or (least, most).')
        if center is not None and auto_bound:
            raise InputError('RandomRotate: auto_bound turns about the middle; leave center out.')
        self.prob = prob
        self.degree = (float(least), float(most))
        self.pad_val = pad_val
        self.seg_pad_val = seg_pad_val
        self.center = None if center is None else (float(center[0]), float(center[1]))
        self.auto_bound = auto_bound

    def draw(self, results: dict, rng: np.random.Generator) -> float | None:
        """The angle in degrees, None to leave it."""
        rotate = rng.random() < self.prob
        angle = float(rng.uniform(*self.degree))
        return angle if rotate else None

    def apply(self, results: dict, params: float | None) -> dict:
        if params is None:
            return results
        results = dict(results)
        matrix, size = self._affine(size_of(results), params)
        seg_pad_val = ignored_id(results, self.seg_pad_val)
        for name in fields_of(results):
            field = field_of(name)
            value = field.border(pad_val=self.pad_val, seg_pad_val=seg_pad_val)
            results[name] = cv2.warpAffine(results[name], matrix, size, flags=field.interpolation, borderValue=value)
        results |= {'img_shape': shape_of(results), 'pad_shape': shape_of(results)}
        return results

    def _affine(self, size: tuple[int, int], angle: float) -> tuple[np.ndarray, Scale]:
        height, width = size
        matrix = cv2.getRotationMatrix2D(self.center or ((width - 1) * 0.5, (height - 1) * 0.5), -angle, 1.0)
        if not self.auto_bound:
            return matrix, (width, height)
        cosine, sine = np.abs(matrix[0, :2])
        new_width, new_height = height * sine + width * cosine, height * cosine + width * sine
        matrix[:, 2] += (new_width - width) * 0.5, (new_height - height) * 0.5
        return matrix, (round(new_width), round(new_height))

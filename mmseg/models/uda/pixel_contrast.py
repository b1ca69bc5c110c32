"""CLUDA (Vayyat et al., 2022, arXiv 2208.14227): pixels of a class shall have like features, in and across domains.

A term on what the student has in front of its classifier, for the source images with their labels and for the mixed
ones with theirs: no memory bank, no projection, no temperature.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.config.values import Finite
from mmseg.errors import InputError
from mmseg.models.decode_heads.cluda_head import CLUDAHead
from mmseg.models.decode_heads.hrda_head import ScaleMaps
from mmseg.models.layers import resize
from mmseg.models.layers.box import inside, mean_of_windows
from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.contrast import CHUNK, Order, Pixels, pixel_contrast, two_resolution_contrast
from mmseg.models.uda.further_term import FurtherTerm
from mmseg.models.uda.uda_decorator import Term, UDADecorator, require
from mmseg.registry import MODELS


class Resolutions(NamedTuple):
    """What a head of two scales has in front of its classifier, on the grid of the fused prediction.

    Attributes:
        context: (B, C, H / stride, W / stride).
        detail: as large, 0 outside the detail crop.
        inside: (B, 1, h, w) on the grid of the context: 1 inside the detail crop, 0 elsewhere.
    """

    context: Tensor
    detail: Tensor
    inside: Tensor


def on_one_grid(maps: ScaleMaps) -> Resolutions:
    """Enlarge the context and put the detail crop in its place."""
    (box,) = maps.boxes
    cells = (maps.context.shape[2], maps.context.shape[3])
    fine = tuple(
        side * length // window for side, length, window in zip(maps.size, maps.detail.shape[2:], box.size, strict=True)
    )
    detail = mean_of_windows(maps.detail, [box.scaled(maps.size, fine)], fine)
    mask = inside([box.scaled(maps.size, cells)], maps.context)
    return Resolutions(enlarged(maps.context, fine), detail, mask)


def enlarged(x: Tensor, size: Sequence[int]) -> Tensor:
    """``x`` (B, C, h, w) at ``size``, corner pixels on corner pixels, in float32 or what is finer."""
    precise = x.float() if x.dtype in {torch.float16, torch.bfloat16} else x
    return resize(precise, (size[0], size[1]), align_corners=True)


def full_precision(features: Tensor) -> torch.autocast:
    """Similarities of many pixels are summed up: no half precision for their products."""
    return torch.autocast(features.device.type, enabled=False)


@MODELS.register_module()
class PixelContrast(FurtherTerm):
    """weight * L(source) + mixed_weight * L(mixed), L of :mod:`mmseg.models.uda.contrast`.

    Features, labels and weights are brought to a grid of ``size``, whatever the size of the images.

    Args:
        resolutions: 1 contrasts the maps in front of the classifier (of HRDA: those of the context), all pixels of
            the batch with each other. 2 contrasts context with context and with detail, in shares that the network
            ``feat_weighter`` of a :class:`CLUDAHead` learns.
        weight: of the loss of the source images, 0 or more.
        mixed_weight: of that of the mixed images, whose pairs count by the weights of both pixels; 0 or more.
        size: side of the grid, or its (height, width).
        order: 'aligned' gives each feature the label of its pixel. 'published' repeats the published code: with
            several images, features get labels of other pixels; and pixels of class 0 count as outside the crop.
        chunk: pixels whose pairs with all others are in memory at once.

    Raises:
        InputError: a setting is out of its range, or does not fit the student.
    """

    name = 'pixel_contrast'
    shares_graphs = True

    def __init__(
        self,
        *,
        resolutions: int = 1,
        weight: Finite = 1.0,
        mixed_weight: Finite = 1.0,
        size: int | Sequence[int] = 65,
        order: Order = 'aligned',
        chunk: int = CHUNK,
    ) -> None:
        super().__init__()
        sides = [size, size] if isinstance(size, int) else list(size)
        whole = all(isinstance(side, int) and not isinstance(side, bool) for side in [*sides, chunk])
        require(resolutions in (1, 2), 'PixelContrast: resolutions', resolutions, '1 or 2')
        require(weight >= 0, 'PixelContrast: weight', weight, '0 or more')
        require(mixed_weight >= 0, 'PixelContrast: mixed_weight', mixed_weight, '0 or more')
        require(weight + mixed_weight > 0, 'PixelContrast: mixed_weight', mixed_weight, 'above 0 where weight is 0')
        fits = whole and len(sides) == 2 and min(sides) > 1
        require(fits, 'PixelContrast: size', size, 'a number of pixels above 1, or (height, width)')
        require(order in ('aligned', 'published'), 'PixelContrast: order', order, "'aligned' or 'published'")
        require(whole and chunk > 0, 'PixelContrast: chunk', chunk, 'a number of pixels')
        self.resolutions = resolutions
        self.weights = weight, mixed_weight
        self.grid = (sides[0], sides[1])
        self.order: Order = order
        self.chunk = chunk

    def attach(self, method: UDADecorator) -> None:
        kind = 'a method with a source (PixelContrast)'
        require(method.needs_source, 'uda.type', type(method).__name__, kind)
        head = method.model.decode_head
        fits = self.resolutions == 1 or isinstance(head, CLUDAHead)
        kind = f"1 for decode_head.type='{type(head).__name__}'; 2 needs a CLUDAHead"
        require(fits, 'PixelContrast: resolutions', self.resolutions, kind)
        needs_mixed = self.weights[0] == 0 and not method.labels_target
        require(not needs_mixed, 'PixelContrast: weight', 0, f'above 0: {type(method).__name__} mixes no images')

    def loss_terms(self, method: UDADecorator, batch: Batch) -> Iterator[Term]:
        for prefix, part, weight in zip(('src', 'mix'), (batch.source, batch.mixed), self.weights, strict=True):
            if part is not None and weight > 0:
                yield prefix, {'loss_contrast': weight * self.contrast(method, batch, part)}

    def contrast(self, method: UDADecorator, batch: Batch, part: Labelled) -> Tensor:
        """L of one part of the batch."""
        maps = method.student_embedding(batch, part)['decode']
        if self.resolutions == 1:
            return self.of_one(maps, part)
        assert isinstance(maps, ScaleMaps)
        weights = method.model.decode_head.pair_weights(method.student_features(batch, part))
        return self.of_two(maps, weights, part)

    def of_one(self, maps: Any, part: Labelled) -> Tensor:
        """L of maps (B, C, h, w), or of those of the context."""
        found = maps.context if isinstance(maps, ScaleMaps) else maps
        if not isinstance(found, Tensor):
            raise InputError(
                'PixelContrast needs a decode head with one map in front of its classifier (as DAFormerHead and '
                'HRDAHead have), not several.'
            )
        pixels = Pixels(self.order)
        features = pixels.features(enlarged(found, self.grid))
        with full_precision(features):
            return pixel_contrast(features, self.labels(part), self.pixel_weights(part), chunk=self.chunk)

    def of_two(self, maps: ScaleMaps, weights: Tensor, part: Labelled) -> Tensor:
        """L of both resolutions; ``weights`` of the pixels of the context, (B, 1, h, w) in 0..1."""
        pixels, both, label = Pixels(self.order), on_one_grid(maps), self.labels(part)
        fine = (both.context.shape[2], both.context.shape[3])
        crop = F.interpolate(both.inside, self.grid, mode='nearest') > 0
        within = pixels.values(crop)
        context, detail = (pixels.features(enlarged(x, self.grid)) for x in (both.context, both.detail))
        with full_precision(context):
            return two_resolution_contrast(
                context,
                detail,
                label,
                pixels.values(enlarged(resize(weights, fine), self.grid)),
                within & (label != 0) if self.order == 'published' else within,
                weight=self.pixel_weights(part),
                chunk=self.chunk,
            )

    def labels(self, part: Labelled) -> Tensor:
        """(N,) int64 on the grid."""
        small = F.interpolate(part.label.float(), self.grid, mode='nearest')
        return Pixels(self.order).values(small).long()

    def pixel_weights(self, part: Labelled) -> Tensor | None:
        """(N,) in 0..1 on the grid; None where all count."""
        return None if part.weight is None else Pixels(self.order).values(enlarged(part.weight, self.grid))

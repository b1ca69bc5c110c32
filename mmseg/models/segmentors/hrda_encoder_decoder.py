"""HRDA's segmentor: a downscaled view for context, a crop at full scale for detail (Hoyer et al., 2022, sec. 4)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.decode_heads.hrda_head import HRDAHead, ScaleFeatures, ScaleLogits, attention_map
from mmseg.models.layers import resize
from mmseg.models.layers.box import Box, Window, cut_windows, inside
from mmseg.models.segmentors.detail_crop import draw_box
from mmseg.models.segmentors.encoder_decoder import EncoderDecoder, slide_windows
from mmseg.models.segmentors.features import Compared, StageFeatures
from mmseg.registry import MODELS

#: the attention that shows a part alone
SHOWN_ALONE = {'context': 0.0, 'detail': 1.0}


@MODELS.register_module()
class HRDAEncoderDecoder(EncoderDecoder):
    """One encoder and one decoder see the whole image downscaled, and windows of it at full scale.

    While training, the one window is the detail crop: drawn anew for each pass (:meth:`draw_view`), the same for all
    images of a batch. Else windows cover the image, and their logits are averaged where they overlap.

    Args:
        scales: 1 for the detail, and the scale of the context in (0, 1], in any order.
        hr_crop_size: (height, width) of the windows; ``crop_size`` is half of the training crop in the paper.
        feature_scale: what the feature distance compares: the context's scale for the context alone, 'all' for both.
        crop_coord_divisible: places of the detail crop are multiples of this, so that its edges are edges of cells of
            all maps; so have to be the sides of training images. Test images are padded to it.
        hr_slide_inference: windows where there is no detail crop; else the image is one window.
        hr_slide_overlapping: neighbouring windows are half a window apart; else a whole one.
        blur_hr_crop: show the detail no more than the context sees (an ablation).
        **segmentor: of :class:`EncoderDecoder`; ``decode_head`` is a :class:`HRDAHead`.

    Raises:
        InputError: a setting is out of its range, or does not fit another.
    """

    draws_views = True
    strangers = {'decode_head.feat_weighter.': "It is a network of CLUDA: set model.decode_head.type='CLUDAHead'."}
    parts = ('context', 'detail')
    value_parts = ('attention',)
    decode_head: HRDAHead

    def __init__(
        self,
        *,
        scales: Sequence[float] = (1, 0.5),
        hr_crop_size: tuple[int, int],
        feature_scale: float | Literal['all'] = 0.5,
        crop_coord_divisible: int = 8,
        hr_slide_inference: bool = True,
        hr_slide_overlapping: bool = True,
        blur_hr_crop: bool = False,
        **segmentor: Any,
    ) -> None:
        super().__init__(**segmentor)
        self.context_scale = context_scale(scales)
        check_crop(hr_crop_size, crop_coord_divisible)
        if feature_scale not in ('all', self.context_scale):
            raise InputError(
                f"model.feature_scale must be {self.context_scale} (the context's) or 'all', got {feature_scale!r}"
            )
        if not isinstance(self.decode_head, HRDAHead) or self.auxiliary_head is not None:
            raise InputError("HRDAEncoderDecoder needs decode_head.type='HRDAHead', and takes no auxiliary_head.")
        self.crop = (hr_crop_size[0], hr_crop_size[1])
        self.compares_detail = feature_scale == 'all'
        self.divisible = crop_coord_divisible
        self.slides = hr_slide_inference
        self.overlaps = hr_slide_overlapping
        self.blurs_detail = blur_hr_crop

    def draw_view(self, img_shape: Sequence[int], generator: torch.Generator | None = None) -> Box:
        """The detail crop of one training pass.

        Args:
            img_shape: (B, 3, H, W).
            generator: of the CPU; None is the global one.
        """
        size = (img_shape[2], img_shape[3])
        if any(side % self.divisible for side in size):
            raise InputError(
                f'Training images of {size} (height, width): each side has to be a multiple of '
                f'model.crop_coord_divisible={self.divisible}. Change the crop_size of the pipelines.'
            )
        return draw_box(size, self.crop, divisible=self.divisible, generator=generator)

    def windows(self, size: tuple[int, int]) -> list[Box]:
        """Where detail is seen in an image of ``size`` = (H, W) that has no detail crop; all of one size."""
        return self.sliding(size) if self.slides else [Box(0, size[0], 0, size[1])]

    def sliding(self, size: tuple[int, int]) -> list[Box]:
        """The windows of the detail crop's size over an image of ``size`` = (H, W), row by row."""
        crop = (min(self.crop[0], size[0]), min(self.crop[1], size[1]))
        step = (max(crop[0] // 2, 1), max(crop[1] // 2, 1)) if self.overlaps else crop
        return [
            Box(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in slide_windows(size, crop, step)
        ]

    def extract_feat(self, img: Tensor, view: Window | None = None) -> ScaleFeatures:
        """Images (B, 3, H, W) -> features of the context, and of the detail in ``view``, or else in all windows."""
        size = (img.shape[2], img.shape[3])
        boxes: list[Window] = [*self.windows(size)] if view is None else [view]
        context = super().extract_feat(rescaled(img, self.context_scale))
        detail = super().extract_feat(cut_windows(self.detail_of(img), boxes))
        return ScaleFeatures(context, detail, boxes, size, self.context_scale)

    def reference_features(self, img: Tensor, view: Window | None = None) -> ScaleFeatures:
        """The backbone's stages of the context, and of the detail where that is compared too."""
        assert view is not None, 'a training pass has a detail crop'
        context = super().reference_features(rescaled(img, self.context_scale))
        detail = StageFeatures([])
        if self.compares_detail:
            detail = super().reference_features(view.cut(self.detail_of(img)))
        size = (img.shape[2], img.shape[3])
        return ScaleFeatures(context, detail, [view], size, self.context_scale)

    def compared(self, features: ScaleFeatures, reference: ScaleFeatures, label: Tensor) -> list[Compared]:
        """The last stage of the context; with ``feature_scale='all'`` also that of the detail crop."""
        found = super().compared(features.context, reference.context, label)
        if self.compares_detail:
            (box,) = features.boxes
            found += super().compared(features.detail, reference.detail, box.cut(label))
        return found

    def context_logits(self, img: Tensor) -> Tensor:
        """What the context alone predicts of images (B, 3, H, W): logits (B, classes, h, w), not weighted."""
        return self.decode_head.head(super().extract_feat(rescaled(img, self.context_scale)))

    def levels(self, features: ScaleFeatures) -> list[Tensor]:
        """Those of the context, which shows the whole image."""
        return super().levels(features.context)

    def pictures(self, features: ScaleFeatures, logits: Mapping[str, Any]) -> dict[str, Tensor]:
        """The detail crop, and the attention in it."""
        found: ScaleLogits = logits['decode']
        size = found.size
        attention = resize(attention_map(found, align_corners=self.align_corners), size)
        box = inside(found.boxes, attention)
        return {'detail attention': attention * box, 'detail crop': box.expand_as(attention)}

    def encoder_sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Those of the context and of the detail crop."""
        context = (int(size[0] * self.context_scale), int(size[1] * self.context_scale))
        return [context, (min(self.crop[0], size[0]), min(self.crop[1], size[1]))]

    def detail_of(self, img: Tensor) -> Tensor:
        """What the windows are cut from."""
        if not self.blurs_detail:
            return img
        return resize(rescaled(img, self.context_scale), (img.shape[2], img.shape[3]))

    def encode_decode(self, img: Tensor, img_metas: Sequence[Mapping] | None = None) -> Tensor:
        """Images (B, 3, H, W) -> fused logits (B, C, H, W)."""
        return self.part_logits(img, 'fused')

    def part_logits(self, img: Tensor, part: str) -> Tensor:
        """As :meth:`encode_decode`, of the fused prediction, the context, the detail, or the attention, in 0..1."""
        if part not in ('fused', *self.parts, *self.value_parts):
            raise InputError(
                f'{type(self).__name__} has no part {part!r}; its parts are {self.parts + self.value_parts}.'
            )
        size = (img.shape[2], img.shape[3])
        missing = [-side % self.divisible for side in size]
        padded = F.pad(img, (0, missing[1], 0, missing[0])) if any(missing) else img
        maps = self.decode_head.embed(self.extract_feat(padded))
        logits = self.decode_head.logits_of(maps, SHOWN_ALONE.get(part))
        fused = logits.fused
        if part == 'attention':
            fused = attention_map(logits, align_corners=self.align_corners)
        whole = resize(fused, (padded.shape[2], padded.shape[3]), align_corners=self.align_corners)
        return whole[:, :, : size[0], : size[1]]


def rescaled(img: Tensor, scale: float) -> Tensor:
    """Images (B, 3, H, W) at ``scale``; by the exact factor, also where it does not give a whole number of pixels."""
    if scale == 1:
        return img
    return F.interpolate(img, scale_factor=scale, mode='bilinear', align_corners=False)


def context_scale(scales: Sequence[float]) -> float:
    """The smaller of two scales, of which the larger one is 1.

    Raises:
        InputError: they are others.
    """
    ascending = sorted(scales)
    if len(ascending) != 2 or ascending[1] != 1 or ascending[0] <= 0:
        raise InputError(f'model.scales must be 1 for the detail and one in (0, 1] for the context, got {scales}')
    return ascending[0]


def check_crop(crop: Sequence[int], divisible: int) -> None:
    """Refuse a window that does not fit the grid of its places.

    Raises:
        InputError: naming the key.
    """
    if not isinstance(divisible, int) or divisible < 1:
        raise InputError(f'model.crop_coord_divisible must be a whole number of at least 1, got {divisible!r}')
    if len(crop) != 2 or any(not isinstance(side, int) or side < 1 or side % divisible for side in crop):
        raise InputError(
            f'model.hr_crop_size must be two multiples of crop_coord_divisible={divisible}, got {tuple(crop)}'
        )

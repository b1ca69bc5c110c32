"""The multi-resolution head of HRDA (Hoyer et al., 2022, sec. 4): one decoder for two scales, fused by attention."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.layers import resize
from mmseg.models.layers.box import Window, inside, mean_of_windows
from mmseg.models.losses.base import is_descended
from mmseg.registry import MODELS

if TYPE_CHECKING:
    from mmseg.models.segmentors.features import StageFeatures

#: what takes the place of a context-aware fusion layer in the attention network
POINTWISE = {'type': 'conv', 'kernel_size': 1, 'act_cfg': {'type': 'ReLU'}}


class ScaleFeatures(NamedTuple):
    """What a head of two scales reads.

    Attributes:
        context: features of the downscaled images, finest first, each (B, C_i, h_i, w_i).
        detail: features of the windows of the images at full scale, each (len(boxes) * B, C_i, ...), window by window.
        boxes: the windows, of one size, in pixels of the image. While training a single one, perhaps at another place
            in each image.
        size: (H, W) of the images.
        scale: of the downscaled images, in (0, 1].
    """

    context: 'StageFeatures'
    detail: 'StageFeatures'
    boxes: list[Window]
    size: tuple[int, int]
    scale: float


class ScaleMaps(NamedTuple):
    """What the three networks make of :class:`ScaleFeatures`: maps in front of their classifiers.

    Attributes:
        context: (B, C, h, w), of the decoder.
        detail: (len(boxes) * B, C, ...), of the decoder.
        attention: of the attention network, as large as ``context``; None where the attention is fixed.
        boxes: as in :class:`ScaleFeatures`.
        size: likewise.
        scale: likewise.
    """

    context: Any
    detail: Any
    attention: Any
    boxes: list[Window]
    size: tuple[int, int]
    scale: float


class ScaleLogits(NamedTuple):
    """Predictions at both scales, and of both together.

    Attributes:
        fused: (B, classes, H / stride, W / stride).
        context: (B, classes, h, w), weighted by 1 - attention, as it goes into ``fused``.
        detail: (len(boxes) * B, classes, ...) of the windows, not weighted.
        attention: sigmoid, (B, classes or 1, h, w), also where no window is.
        boxes: as in :class:`ScaleFeatures`.
        size: likewise.
        scale: likewise.
    """

    fused: Tensor
    context: Tensor
    detail: Tensor
    attention: Tensor
    boxes: list[Window]
    size: tuple[int, int]
    scale: float


@MODELS.register_module()
class HRDAHead(nn.Module):
    """Predict context and detail with one decoder, and take of each class from the one or the other by attention.

    With context logits y_c, detail logits y_d (0 outside of their windows) and attention a (0 there too):
    y = up(a) * y_d + up((1 - a) * y_c). While training there is one window, the detail crop; elsewhere the windows
    cover the image.

    Args:
        single_scale_head: type of the decoder.
        attention_embed_dim: channels of the attention network, for a decoder with ``decoder_params.fusion_cfg``; it
            then has a 1x1 convolution in the place of an ASPP. For other decoders it is built as the decoder.
        attention_classwise: one attention map for each class; else one for all.
        hr_loss_weight: weight of the loss of the detail prediction, in 0..1.
        lr_loss_weight: of the context prediction; what is left is that of the fused one.
        fixed_attention: this number in 0..1 everywhere, without an attention network.
        **head: arguments of the decoder.

    Attributes:
        attention_network: config of the attention network but for its ``num_classes``.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(
        self,
        *,
        single_scale_head: str,
        attention_embed_dim: int = 256,
        attention_classwise: bool = True,
        hr_loss_weight: float = 0.0,
        lr_loss_weight: float = 0.0,
        fixed_attention: float | None = None,
        **head: Any,
    ) -> None:
        super().__init__()
        weights = hr_loss_weight, lr_loss_weight
        if min(weights) < 0 or sum(weights) > 1:
            raise InputError(
                f'HRDAHead: hr_loss_weight={hr_loss_weight} and lr_loss_weight={lr_loss_weight} must be 0 or more and '
                'together at most 1; the rest is the weight of the fused prediction.'
            )
        if fixed_attention is not None and not 0 <= fixed_attention <= 1:
            raise InputError(f'HRDAHead: fixed_attention must lie in 0..1, got {fixed_attention}')
        if 'num_classes' not in head:
            raise InputError('HRDAHead: num_classes is missing')
        self.detail_weight, self.context_weight = weights
        self.fixed_attention = fixed_attention
        self.head = MODELS.build({'type': single_scale_head, **head})
        self.attention_network = {'type': single_scale_head, **attention_settings(head, attention_embed_dim)}
        self.scale_attention = None
        if fixed_attention is None:
            channels = head['num_classes'] if attention_classwise else 1
            self.scale_attention = MODELS.build({**self.attention_network, 'num_classes': channels})

    @property
    def num_classes(self) -> int:
        """Number of classes of the prediction."""
        return self.head.num_classes

    @property
    def align_corners(self) -> bool:
        """How maps are resized: as in the decoder."""
        return self.head.align_corners

    @property
    def ignore_index(self) -> int:
        """Class id of pixels without a label: the decoder's."""
        return self.head.ignore_index

    def init_weights(self) -> None:
        """Draw the classifiers of both networks."""
        self.head.init_weights()
        if self.scale_attention is not None:
            self.scale_attention.init_weights()

    def embed(self, features: ScaleFeatures) -> ScaleMaps:
        """The maps in front of the classifiers. Batch norms see the context first, then all windows together."""
        context, detail = self.head.embed(features.context), self.head.embed(features.detail)
        attention = None if self.scale_attention is None else self.scale_attention.embed(features.context)
        return ScaleMaps(context, detail, attention, features.boxes, features.size, features.scale)

    def cls_seg(self, embedded: ScaleMaps) -> Tensor:
        """What :meth:`embed` gives -> fused logits (B, classes, H / stride, W / stride)."""
        return self.logits_of(embedded).fused

    def logits_of(self, embedded: ScaleMaps, fixed_attention: float | None = None) -> ScaleLogits:
        """Classify the maps of :meth:`embed` and fuse the scales.

        Args:
            embedded: maps of both scales.
            fixed_attention: this number instead of the attention: 0 shows the context alone, 1 the detail alone.
        """
        context, detail = self.head.cls_seg(embedded.context), self.head.cls_seg(embedded.detail)
        fixed = self.fixed_attention if fixed_attention is None else fixed_attention
        if fixed is not None:
            attention = torch.full_like(context[:, :1], fixed)
        else:
            assert self.scale_attention is not None
            attention = self.scale_attention.cls_seg(embedded.attention).sigmoid()
        return self.fuse(context, detail, attention, embedded)

    def prediction(self, logits: ScaleLogits) -> Tensor:
        """The fused logits."""
        return logits.fused

    def fuse(self, context: Tensor, detail: Tensor, attention: Tensor, places: ScaleMaps) -> ScaleLogits:
        """Logits of context and windows, attention in 0..1; shapes as in :class:`ScaleLogits`."""
        boxes, size, scale = places.boxes, places.size, places.scale
        cells = (context.shape[2], context.shape[3])
        window = boxes[0].size
        stride = window[0] // detail.shape[2], window[1] // detail.shape[3]
        fine = size[0] // stride[0], size[1] // stride[1]
        masked = attention * inside((box.scaled(size, cells) for box in boxes), attention)
        placed = mean_of_windows(detail, [box.scaled(size, fine) for box in boxes], fine)
        fused, trained = self.blend(masked, placed, context, scale)
        return ScaleLogits(fused, trained, detail, attention, boxes, size, scale)

    def blend(self, attention: Tensor, detail: Tensor, context: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """The fused logits, and those of the context as they are trained.

        Args:
            attention: (B, classes or 1, h, w) in 0..1, 0 outside the windows.
            detail: logits (B, classes, H / stride, W / stride), 0 outside the windows.
            context: logits (B, classes, h, w).
            scale: of the images of the context.
        """
        fine = (detail.shape[2], detail.shape[3])
        weighted = (1 - attention) * context
        return self._up(attention, fine, scale) * detail + self._up(weighted, fine, scale), weighted

    def _up(self, x: Tensor, size: tuple[int, int], scale: float) -> Tensor:
        return to_detail(x, size, scale, align_corners=self.align_corners)

    def forward(self, features: ScaleFeatures) -> Tensor:
        """Features of both scales -> fused logits (B, classes, H / stride, W / stride)."""
        return self.cls_seg(self.embed(features))

    def losses(self, logits: ScaleLogits, label: Tensor, seg_weight: Tensor | None = None) -> dict[str, Tensor]:
        """Losses and accuracies of the fused prediction, and under ``lr.`` and ``hr.`` those that have a weight.

        Args:
            logits: with one window.
            label: (B, 1, H, W) or (B, H, W), class ids.
            seg_weight: (B, H, W), a weight per pixel for the losses.
        """
        (box,) = logits.boxes
        rest = 1 - self.context_weight - self.detail_weight
        values = scaled_losses(self.head.losses(logits.fused, label, seg_weight), rest)
        if self.context_weight:
            context = self.head.losses(logits.context, label, seg_weight)
            values |= scaled_losses(context, self.context_weight, prefix='lr.')
        if self.detail_weight:
            weight = None if seg_weight is None else box.cut(seg_weight)
            detail = self.head.losses(logits.detail, box.cut(label), weight)
            values |= scaled_losses(detail, self.detail_weight, prefix='hr.')
        return values


def to_detail(x: Tensor, size: tuple[int, int], scale: float, *, align_corners: bool) -> Tensor:
    """Maps (B, C, h, w) of the context at the ``size`` of maps of the detail.

    By the exact factor, as images are downscaled: where the sides of the context are no whole number of cells, the last
    cell reaches over the image's edge, and all others lie where they belong.

    Args:
        x: the maps.
        size: (H, W) of the result.
        scale: of the images of the context.
        align_corners: as in the decoder.
    """
    factor = 1 / scale
    if scale == 1 or any(int(cells * factor) != side for cells, side in zip(x.shape[2:], size, strict=True)):
        return resize(x, size, align_corners=align_corners)
    return F.interpolate(x, scale_factor=factor, mode='bilinear', align_corners=align_corners)


def attention_map(logits: ScaleLogits, *, align_corners: bool) -> Tensor:
    """How much of the prediction comes from the detail: the attention, averaged over the predicted classes.

    Returns:
        (B, 1, H / stride, W / stride) in 0..1.
    """
    fine = (logits.fused.shape[2], logits.fused.shape[3])
    attention = to_detail(logits.attention, fine, logits.scale, align_corners=align_corners)
    return (attention * logits.fused.softmax(dim=1)).sum(dim=1, keepdim=True)


def attention_settings(head: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """Arguments of the attention network for those of the decoder.

    Args:
        head: of the decoder.
        channels: of all layers of the attention network, if the decoder has ``decoder_params.fusion_cfg``.
    """
    settings = dict(head)
    params = head.get('decoder_params') or {}
    if 'fusion_cfg' in params:
        fusion = params['fusion_cfg']
        if fusion['type'] == 'aspp':
            fusion = {**POINTWISE, 'norm_cfg': fusion.get('norm_cfg')}
        settings['decoder_params'] = {**params, 'embed_dims': channels, 'fusion_cfg': fusion}
        settings['channels'] = channels
    return settings


def scaled_losses(values: Mapping[str, Tensor], weight: float, *, prefix: str = '') -> dict[str, Tensor]:
    """Losses times ``weight``, accuracies as they are, with ``prefix`` in front of their names."""
    return {f'{prefix}{name}': value * weight if is_descended(name) else value for name, value in values.items()}

"""What all decode heads share: which features they read, their classifier and their losses."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mmseg.config.label_ids import usual_ignore_index
from mmseg.config.values import Count, Fraction
from mmseg.errors import InputError, nearest
from mmseg.models.layers import Conv2d, init_from_cfg, resize
from mmseg.models.losses.accuracy import accuracy
from mmseg.models.losses.base import SegmentationLoss, is_descended
from mmseg.registry import MODELS

CROSS_ENTROPY = {'type': 'CrossEntropyLoss'}
RELU = {'type': 'ReLU'}
CONV_SEG_INIT = {'type': 'Normal', 'std': 0.01, 'override': {'name': 'conv_seg'}}
Settings = TypeVar('Settings')
INPUT_TRANSFORMS = (None, 'resize_concat', 'multiple_select')


class BaseDecodeHead(nn.Module, ABC):
    """From stage features to logits, and from logits to losses: a :class:`Head` of a single decoder.

    Args:
        in_channels: channels of the feature read, or of each of several.
        channels: channels in front of the classifier.
        num_classes: number of classes.
        out_channels: 1 for two classes that one output tells apart, whose sigmoid is the probability of the second;
            None: an output for each class.
        in_index: which stage(s) of the backbone are read.
        input_transform: None for one stage, 'multiple_select' for a list of stages, 'resize_concat' for several
            resized to the first and concatenated.
        dropout_ratio: dropout of whole channels in front of the classifier.
        conv_cfg: only ordinary convolutions are known: None.
        norm_cfg: normalisation of the head's convolutions; None for convolutions with a bias instead.
        act_cfg: activation of the head's convolutions.
        loss_decode: a loss, or several that are added up.
        ignore_index: class id of pixels without a label; None: 255, or 65535 beyond 255 classes.
        sampler: config of what chooses the pixels that teach (``OHEMPixelSampler``); None: all do.
        align_corners: how maps are resized.
        init_cfg: how the classifier starts, see :func:`mmseg.models.layers.init_from_cfg`.
    """

    def __init__(
        self,
        *,
        in_channels: Count | Sequence[Count],
        channels: Count,
        num_classes: Count,
        out_channels: Count | None = None,
        in_index: int | Sequence[int] = -1,
        input_transform: str | None = None,
        dropout_ratio: Fraction = 0.1,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = RELU,
        loss_decode: Mapping | Sequence[Mapping] = CROSS_ENTROPY,
        ignore_index: int | None = None,
        sampler: dict | None = None,
        align_corners: bool = False,
        init_cfg: Mapping | None = CONV_SEG_INIT,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if conv_cfg is not None:
            raise InputError(f'{name}: conv_cfg must be None, got {conv_cfg}')
        if out_channels not in (None, num_classes) and (out_channels, num_classes) != (1, 2):
            raise InputError(
                f'{name}: out_channels={out_channels} with num_classes={num_classes}; one output is for num_classes=2.'
            )
        self.input_transform = input_transform
        self.in_index = in_index
        self.in_channels = _checked_channels(name, in_channels, in_index, input_transform)
        self.channels = channels
        self.num_classes = num_classes
        self.norm_cfg = norm_cfg
        self.act_cfg = act_cfg
        self.ignore_index = usual_ignore_index(num_classes) if ignore_index is None else ignore_index
        self.align_corners = align_corners
        self.init_cfg = init_cfg
        self.loss_decode = nn.ModuleList(
            MODELS.build(cfg) for cfg in ([loss_decode] if isinstance(loss_decode, Mapping) else loss_decode)
        )
        self.sampler = None if sampler is None else MODELS.build(sampler)
        self.single_output = out_channels == 1 and num_classes == 2
        self._check_losses()
        self.conv_seg: nn.Conv2d | None = Conv2d(channels, self.outputs, 1)
        self.dropout = nn.Dropout2d(dropout_ratio) if dropout_ratio > 0 else nn.Identity()

    def _check_losses(self) -> None:
        """Refuse losses that cannot be descended, or not by this head.

        Raises:
            InputError: there is none, its name hides it, or it does not fit the classes, outputs or sampler.
        """
        name = type(self).__name__
        if not self.loss_decode:
            raise InputError(f'{name}: loss_decode is an empty list, so that nothing would be learnt: name a loss.')
        for criterion in self.loss_decode:
            kind = type(criterion).__name__
            if not is_descended(str(criterion.loss_name)):
                raise InputError(
                    f"{name}: loss_name={criterion.loss_name!r} of {kind} has no 'loss' in it, and only what has is "
                    f"descended: call it 'loss_{criterion.loss_name}'."
                )
            if self.single_output and getattr(criterion, 'use_sigmoid', False):
                raise InputError(
                    f'{name}: with out_channels=1 the softmax of the two classes is the sigmoid of the one output: '
                    f'leave use_sigmoid of {kind} out.'
                )
            if self.sampler is not None and not takes_pixel_weights(criterion):
                raise InputError(f'{name}: {kind} cannot weigh pixels, as the sampler asks.')
            if isinstance(criterion, SegmentationLoss) and (unfit := criterion.unfit_for(self.num_classes)):
                raise InputError(f'{name}: {unfit}')

    @property
    def outputs(self) -> int:
        """Channels of a classifier."""
        return 1 if self.single_output else self.num_classes

    def init_weights(self) -> None:
        """Draw the classifier as ``init_cfg`` says; the other layers are drawn when they are built."""
        if self.init_cfg is not None:
            init_from_cfg(self, self.init_cfg)

    def stages(self) -> tuple[list[int], list[int]]:
        """Indices and channels of the stages that a head of several stages reads."""
        assert not isinstance(self.in_index, int)
        assert not isinstance(self.in_channels, int)
        return list(self.in_index), self.in_channels

    def map_channels(self) -> int:
        """Channels of the one map that :meth:`transform_inputs` gives."""
        if not isinstance(self.in_channels, int):
            raise InputError(f"{type(self).__name__}: input_transform must be None or 'resize_concat'")
        return self.in_channels

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features of all stages, finest first -> logits (B, classes, h, w)."""
        return self.cls_seg(self.embed(features))

    @abstractmethod
    def embed(self, features: Sequence[Tensor]) -> Any:
        """Features of all stages, finest first -> (B, channels, h, w), what the classifier gets."""

    def logits_of(self, embedded: Any) -> Any:
        """What :meth:`embed` gives -> what :meth:`losses` takes: the logits, or all predictions that are trained."""
        return self.cls_seg(embedded)

    def prediction(self, logits: Any) -> Tensor:
        """The logits (B, classes, h, w) that the head predicts with, of what :meth:`logits_of` gives."""
        return logits

    def select(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The features this head reads, in the order of ``in_index``.

        Raises:
            InputError: there is no such stage, or its channels are not those of ``in_channels``.
        """
        indices = [self.in_index] if isinstance(self.in_index, int) else self.in_index
        given = [x.shape[1] for x in features]
        wanted = self.in_channels
        if not all(-len(given) <= i < len(given) for i in indices):
            raise InputError(
                f'{type(self).__name__}: in_index={self.in_index}, but the encoder gives {len(given)} stages.'
            )
        channels = [given[i] for i in indices]
        if (sum(channels) if isinstance(wanted, int) else channels) != wanted:
            raise InputError(
                f'{type(self).__name__}: in_channels is {wanted}, but the stages of in_index={self.in_index} have '
                f'{channels} channels; all stages of the encoder: {given}.'
            )
        return [features[i] for i in indices]

    def transform_inputs(self, features: Sequence[Tensor]) -> Tensor:
        """The one map this head works on: a stage, or several resized to the first one and concatenated."""
        first, *others = self.select(features)
        if not others:
            return first
        size = (first.shape[2], first.shape[3])
        return torch.cat([first, *(resize(x, size, align_corners=self.align_corners) for x in others)], dim=1)

    def cls_seg(self, embedded: Any) -> Tensor:
        """Features in front of the classifier (B, channels, h, w) -> logits (B, classes, h, w)."""
        assert self.conv_seg is not None
        return self.of_classes(self.conv_seg(self.dropout(embedded)))

    def of_classes(self, scores: Tensor) -> Tensor:
        """Scores of the classifier -> logits (B, classes, h, w): a single output s stands for the logits (0, s)."""
        return torch.cat([torch.zeros_like(scores), scores], dim=1) if self.single_output else scores

    def losses(self, logits: Tensor, label: Tensor, seg_weight: Tensor | None = None) -> dict[str, Tensor]:
        """Losses and accuracy of ``logits`` resized to the label's size.

        Args:
            logits: (B, classes, h, w).
            label: (B, 1, H, W) or (B, H, W), class ids.
            seg_weight: (B, H, W), a weight per pixel for the losses.

        Returns:
            each loss under its name (``loss_seg``), and ``acc_seg``, the accuracy in percent of all pixels.
        """
        label = label.squeeze(1) if label.ndim == 4 else label
        logits = resize(logits, (label.shape[1], label.shape[2]), align_corners=self.align_corners)
        if self.sampler is not None:
            chosen = self.sampler(logits, label, ignore_index=self.ignore_index)
            seg_weight = chosen if seg_weight is None else seg_weight * chosen
        values: dict[str, Tensor] = {}
        for criterion in self.loss_decode:
            loss = criterion(logits, label, seg_weight, ignore_index=self.ignore_index)
            name = str(criterion.loss_name)
            values[name] = values[name] + loss if name in values else loss
        values['acc_seg'] = accuracy(logits, label)[0]
        return values


def takes_pixel_weights(criterion: nn.Module) -> bool:
    """Whether a loss can weigh pixels, as adaptation and samplers ask."""
    return bool(getattr(criterion, 'takes_pixel_weights', True))


def head_settings(given: Mapping, kind: type[Settings]) -> Settings:
    """``given`` as the dataclass ``kind``.

    Raises:
        InputError: a key that it does not have or that is missing.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in given.keys() - known.keys():
        raise InputError(f'decoder_params has no key {key!r}.{nearest(key, known)}')
    for key in [name for name, field in known.items() if field.default is MISSING and name not in given]:
        raise InputError(f'decoder_params: {key!r} is missing')
    return kind(**given)


def _checked_channels(
    name: str, in_channels: int | Sequence[int], in_index: int | Sequence[int], input_transform: str | None
) -> int | list[int]:
    """What a head gets to see: the channels of its one map, or of each stage.

    Raises:
        InputError: the three settings do not go together.
    """
    if input_transform not in INPUT_TRANSFORMS:
        raise InputError(f'{name}: input_transform must be one of {INPUT_TRANSFORMS}, got {input_transform!r}')
    if input_transform is None:
        if not isinstance(in_channels, int) or not isinstance(in_index, int):
            raise InputError(f'{name} reads one stage: in_channels and in_index must be single numbers.')
        return in_channels
    if isinstance(in_channels, int) or isinstance(in_index, int) or len(in_channels) != len(in_index):
        raise InputError(f'{name} reads several stages: in_channels and in_index must be lists of the same length.')
    return sum(in_channels) if input_transform == 'resize_concat' else list(in_channels)

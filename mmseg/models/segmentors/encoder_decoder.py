"""The plain segmentor: a backbone, perhaps a neck, a decode head, perhaps auxiliary heads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from mmseg.errors import InputError, nearest
from mmseg.models.decode_heads.protocol import Head
from mmseg.models.layers import resize
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.models.segmentors.features import Compared, StageFeatures
from mmseg.models.tuning.tuning import EncoderTuning
from mmseg.registry import MODELS


@dataclass(frozen=True, kw_only=True)
class TestSettings:
    """How logits of a test image are made.

    Args:
        mode: 'whole' image at once, or a 'slide' of overlapping crops whose logits are averaged.
        crop_size: (height, width) of the crops.
        stride: (vertical, horizontal) distance of neighbouring crops.
        batched_slide: predict all crops of an image together: fuller kernels, and as much more memory.
    """

    mode: Literal['whole', 'slide'] = 'whole'
    crop_size: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    batched_slide: bool = False

    def __post_init__(self) -> None:
        if self.mode not in ('whole', 'slide'):
            raise InputError(f"test_cfg.mode must be 'whole' or 'slide', got {self.mode!r}")
        if self.mode == 'slide' and (self.crop_size is None or self.stride is None):
            raise InputError("test_cfg: mode='slide' needs crop_size and stride")
        for key, sides in (('crop_size', self.crop_size), ('stride', self.stride)):
            if sides and not (len(sides) == 2 and all(isinstance(side, int) and side >= 1 for side in sides)):
                raise InputError(f'test_cfg.{key} has to be two whole numbers of at least 1, not {sides}')
        if self.crop_size and self.stride and any(s > c for s, c in zip(self.stride, self.crop_size, strict=True)):
            raise InputError(f'test_cfg: a stride of {self.stride} leaves gaps between crops of {self.crop_size}')


def slide_windows(
    size: tuple[int, int], crop: tuple[int, int], stride: tuple[int, int]
) -> Iterator[tuple[slice, slice]]:
    """(rows, columns) of overlapping crops that cover an image of ``size``.

    The last crop of a row or column is moved back into the image, so that all have the full crop size (or the
    image's where that is smaller).
    """
    starts = []
    for length, window, step in zip(size, crop, stride, strict=True):
        count = max(length - window + step - 1, 0) // step + 1
        starts.append([max(min(i * step, length - window), 0) for i in range(count)])
    for top in starts[0]:
        for left in starts[1]:
            yield slice(top, min(top + crop[0], size[0])), slice(left, min(left + crop[1], size[1]))


@MODELS.register_module()
class EncoderDecoder(BaseSegmentor):
    """Backbone -> neck -> decode head, trained with auxiliary heads on the same features.

    Args:
        backbone: config of the encoder.
        decode_head: config of the head that predicts.
        neck: config of a module between backbone and heads.
        auxiliary_head: config, or list of configs, of heads that only add losses.
        train_cfg: part of the schema, without settings of its own.
        test_cfg: keys as in :class:`TestSettings`.
        tuning: rules of what learns of the backbone, and of what is added to it that does, see
            :class:`mmseg.models.tuning.tuning.EncoderTuning`. None: all of it learns.
        pretrained: handed to the backbone, see :meth:`init_weights`.
        init_cfg: part of the schema; parts initialise themselves.
    """

    #: predictions besides :meth:`encode_decode` that can be looked at, see :meth:`part_logits`
    parts: ClassVar[tuple[str, ...]] = ()
    #: what they have of values in 0..1 instead of classes
    value_parts: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        backbone: Mapping,
        decode_head: Mapping,
        neck: Mapping | None = None,
        auxiliary_head: Mapping | Sequence[Mapping] | None = None,
        train_cfg: Mapping | None = None,
        test_cfg: Mapping | None = None,
        tuning: Sequence[Mapping] | None = None,
        pretrained: str | None = None,
        init_cfg: Mapping | None = None,
    ) -> None:
        super().__init__()
        if pretrained is not None:
            if backbone.get('pretrained') is not None or backbone.get('init_cfg') is not None:
                raise InputError('pretrained is set for both the segmentor and its backbone; keep one.')
            backbone = {**backbone, 'pretrained': pretrained}
        self.train_cfg = dict(train_cfg or {})
        self.test_cfg = _test_settings(test_cfg or {})
        self.backbone = MODELS.build(backbone)
        self.tuning = EncoderTuning(self.backbone, tuning or ())
        self.neck = MODELS.build(neck) if neck is not None else None
        self.decode_head = MODELS.build(decode_head)
        self.auxiliary_head = _build_auxiliary(auxiliary_head)

    def init_weights(self) -> None:
        """Initialise every part; the backbone loads its pretrained file if one is named.

        Not done at construction: whoever loads a checkpoint afterwards needs neither the time nor the file.
        """
        self.tuning.init_weights()
        for part in (self.neck, self.decode_head, *self.auxiliary_heads().values()):
            if hasattr(part, 'init_weights'):
                part.init_weights()

    def train(self, mode: bool = True) -> 'EncoderDecoder':
        """Training mode, except for what keeps its weights."""
        super().train(mode)
        self.tuning.keep_still()
        return self

    @property
    def num_classes(self) -> int:
        """Number of classes of the prediction."""
        return self.decode_head.num_classes

    @property
    def align_corners(self) -> bool:
        """How logits are resized: as in the decode head."""
        return self.decode_head.align_corners

    def auxiliary_heads(self) -> dict[str, Any]:
        """Auxiliary heads by their prefix in the log: ``aux``, or ``aux_0``, ``aux_1``, ... for a list."""
        if self.auxiliary_head is None:
            return {}
        if isinstance(self.auxiliary_head, nn.ModuleList):
            return {f'aux_{i}': head for i, head in enumerate(self.auxiliary_head)}
        return {'aux': self.auxiliary_head}

    def heads(self) -> dict[str, Head]:
        """All heads by their prefix in the log."""
        return {'decode': self.decode_head, **self.auxiliary_heads()}

    def extract_feat(self, img: Tensor, view: Any = None) -> Any:
        """Images (B, 3, H, W) -> features behind the neck, finest first: :class:`StageFeatures`.

        Args:
            img: the images.
            view: patches that are hidden from the backbone, (B, 1, rows, columns) bool; for one with a mask token.
        """
        stages = self.backbone(img) if view is None else self.backbone(img, view)
        return StageFeatures(stages if self.neck is None else self.neck(stages), stages)

    def reference_features(self, img: Tensor, view: Any = None) -> Any:
        """The stages of the backbone alone, as :class:`StageFeatures`."""
        return StageFeatures(self.backbone(img))

    def compared(self, features: Any, reference: Any, label: Tensor) -> list[Compared]:
        """The last stage of the backbone."""
        return [Compared(features.stages[-1], reference.stages[-1], label)]

    def levels(self, features: Any) -> list[Tensor]:
        """All of them."""
        return list(features)

    def encode_decode(self, img: Tensor, img_metas: Sequence[Mapping] | None = None) -> Tensor:
        """Images (B, 3, H, W) -> logits (B, C, H, W)."""
        logits = self.decode_head(self.extract_feat(img))
        return resize(logits, (img.shape[2], img.shape[3]), align_corners=self.align_corners)

    def encoder_sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Sizes (height, width) of what the backbone sees in training of images of ``size``."""
        return [size]

    def embed(self, features: Sequence[Tensor]) -> dict[str, Any]:
        """Features of :meth:`extract_feat` -> what the classifier of each head gets, by its prefix in the log."""
        return {prefix: head.embed(features) for prefix, head in self.heads().items()}

    def logits_of(self, embedded: Mapping[str, Any]) -> dict[str, Any]:
        """What :meth:`embed` gives -> what each head predicts with it, for :meth:`losses_of`."""
        return {prefix: head.logits_of(embedded[prefix]) for prefix, head in self.heads().items()}

    def prediction(self, logits: Mapping[str, Any]) -> Tensor:
        """The decode head's logits (B, classes, h, w)."""
        return self.decode_head.prediction(logits['decode'])

    def part_logits(self, img: Tensor, part: str) -> Tensor:
        """As :meth:`encode_decode`, of one of :attr:`parts`, or (B, 1, H, W) in 0..1 of one of :attr:`value_parts`."""
        raise InputError(f'{type(self).__name__} has no part {part!r}; its parts are {self.parts + self.value_parts}.')

    def losses_of(
        self, logits: Mapping[str, Any], label: Tensor, seg_weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Losses and accuracies of all heads, e.g. ``decode.loss_seg``; arguments as in :class:`BaseSegmentor`."""
        return {
            f'{prefix}.{name}': value
            for prefix, head in self.heads().items()
            for name, value in head.losses(logits[prefix], label, seg_weight).items()
        }

    def test_logits(self, img: Tensor) -> Tensor:
        """Logits (B, C, H, W) in the mode of ``test_cfg``."""
        return self.tested(img, self.encode_decode)

    def test_part(self, img: Tensor, part: str) -> Tensor:
        """As :meth:`test_logits`, of what :meth:`part_logits` knows."""
        return self.tested(img, partial(self.part_logits, part=part))

    def tested(self, img: Tensor, predict: Callable[[Tensor], Tensor]) -> Tensor:
        """What ``predict`` makes of images (B, 3, H, W), at once or in crops as ``test_cfg`` says."""
        return self._fitted(img, predict) if self.test_cfg.mode == 'whole' else self.slide(img, predict)

    def slide(self, img: Tensor, predict: Callable[[Tensor], Tensor]) -> Tensor:
        """What ``predict`` makes of crops of images (B, 3, H, W): the mean over all crops that show a pixel."""
        assert self.test_cfg.crop_size is not None
        assert self.test_cfg.stride is not None
        size = (img.shape[2], img.shape[3])
        places = list(slide_windows(size, self.test_cfg.crop_size, self.test_cfg.stride))
        groups = [places] if self.test_cfg.batched_slide else [[place] for place in places]
        total: Tensor | None = None
        shown = img.new_zeros(size)
        for group in groups:
            found = self._fitted(torch.cat([img[:, :, rows, columns] for rows, columns in group]), predict)
            if total is None:
                total = img.new_zeros((len(img), found.shape[1], *size))
            for (rows, columns), part in zip(group, found.chunk(len(group)), strict=True):
                total[:, :, rows, columns] += part
                shown[rows, columns] += 1
        assert total is not None
        return total / shown

    def _fitted(self, crops: Tensor, predict: Callable[[Tensor], Tensor]) -> Tensor:
        """What ``predict`` makes of crops; if the encoder is built for larger ones, behind a border of mean colour."""
        height, width = crops.shape[2:]
        least = getattr(self.backbone, 'fixed_size', None) or (height, width)
        border = [max(needed - side, 0) for needed, side in zip(least, (height, width), strict=True)]
        if not any(border):
            return predict(crops)
        return predict(nn.functional.pad(crops, (0, border[1], 0, border[0])))[:, :, :height, :width]


def _test_settings(cfg: Mapping) -> TestSettings:
    known = [field.name for field in fields(TestSettings)]
    for key in cfg.keys() - set(known):
        raise InputError(f'test_cfg has no key {key!r}.{nearest(key, known)}')
    return TestSettings(**cfg)


def _build_auxiliary(cfg: Mapping | Sequence[Mapping] | None) -> nn.Module | None:
    if cfg is None:
        return None
    if isinstance(cfg, Mapping):
        return MODELS.build(cfg)
    return nn.ModuleList(MODELS.build(head) for head in cfg)

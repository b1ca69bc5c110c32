"""What the loss terms of one step work on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmseg.models.uda.pseudo_label import PseudoLabel


@dataclass(eq=False)
class Labelled:
    """Images the student learns from. A map has one channel, so that one mask pastes images and maps alike.

    Attributes:
        img: (B, 3, H, W), normalised.
        label: (B, 1, H, W) int64 train ids, or what the heads ignore (255).
        weight: (B, 1, H, W) in 0..1, of each pixel in the loss; None = 1 everywhere.
        view: what of ``img`` the student looks at, where its segmentor draws that, once it has been asked for.
        features: the student's features of ``img``, once they have been asked for; only the segmentor looks inside.
        embedded: what the classifier of each head gets of them, likewise.
        logits: what each head predicts, likewise.
    """

    img: Tensor
    label: Tensor
    weight: Tensor | None = None
    view: Any = None
    features: Any = None
    embedded: dict[str, Any] | None = None
    logits: dict[str, Any] | None = None


@dataclass(eq=False)
class Batch:
    """One step's data with everything a loss term may need, so that a new term needs nothing else.

    Attributes:
        data: what the loader gave, for terms that need more than the fields below.
        labelled: x_S, y_S; None where the method has no source, see :attr:`source`.
        target_img: x_T, (B, 3, H, W), normalised. There is no target label. None, as all that follows, where the
            method has none.
        pseudo: p_T and q_T, as the teacher predicts them, not mixed.
        mixed: x_M, y_M, w_M.
        mix_mask: M, (B, 1, H, W) bool, True where x_M shows the source.
        parts: further images that the student learns from, by name.
        thing_mask: (B, 1, h, w) bool, positions of the feature distance; None where it counts all or is off.
        extra: further tensors worth a picture, by its title: images (B, 3, H, W), or maps (B, 1, H, W) of labels
            (integers) or of values in 0..1.
        generator: the chance of this step's views, once one has been drawn.
    """

    data: dict[str, Any]
    labelled: Labelled | None
    target_img: Tensor | None = None
    pseudo: PseudoLabel | None = None
    mixed: Labelled | None = None
    mix_mask: Tensor | None = None
    parts: dict[str, Labelled] = field(default_factory=dict)
    thing_mask: Tensor | None = None
    extra: dict[str, Tensor] = field(default_factory=dict)
    generator: torch.Generator | None = None

    @property
    def source(self) -> Labelled:
        """x_S, y_S, for methods and terms that need them; those of methods without a source do not ask."""
        assert self.labelled is not None, 'a method with a source'
        return self.labelled

    @property
    def img_metas(self) -> list[dict]:
        """Meta data of the source images; of those of the target, where there is no source."""
        return self.data['img_metas' if self.labelled is not None else 'target_img_metas']

    def everything(self) -> dict[str, Labelled]:
        """All images that the student learns from, by name."""
        own = {'source': self.labelled, 'mixed': self.mixed}
        return {**{name: part for name, part in own.items() if part is not None}, **self.parts}

    def record(self, extra: Mapping[str, Tensor] = MappingProxyType({})) -> 'StepRecord':
        """The part that is worth a figure, with ``extra`` pictures behind those of :attr:`extra`."""
        return StepRecord(
            img_metas=self.img_metas,
            target_metas=None if self.target_img is None else self.data['target_img_metas'],
            source_img=None if self.labelled is None else self.labelled.img,
            source_label=None if self.labelled is None else self.labelled.label,
            target_img=self.target_img,
            pseudo_label=None if self.pseudo is None else self.pseudo.label,
            pseudo_weight=None if self.pseudo is None else self.pseudo.weight,
            mix_mask=self.mix_mask,
            mixed_img=None if self.mixed is None else self.mixed.img,
            mixed_label=None if self.mixed is None else self.mixed.label,
            mixed_weight=None if self.mixed is None else self.mixed.weight,
            thing_mask=self.thing_mask,
            extra={**self.extra, **extra},
        )


class StepRecord(NamedTuple):
    """What a step made, for the debug figures: tensors without a graph, shapes as in :class:`Batch`."""

    img_metas: list[dict]
    source_img: Tensor | None = None
    source_label: Tensor | None = None
    target_img: Tensor | None = None
    pseudo_label: Tensor | None = None
    pseudo_weight: Tensor | None = None
    mix_mask: Tensor | None = None
    mixed_img: Tensor | None = None
    mixed_label: Tensor | None = None
    mixed_weight: Tensor | None = None
    thing_mask: Tensor | None = None
    target_metas: list[dict] | None = None
    extra: Mapping[str, Tensor] = MappingProxyType({})

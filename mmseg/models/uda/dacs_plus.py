"""DACS with any of three additions taken from DSP (Gao et al., 2021): soft mix, long-tail paste, MMD."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.dacs import DACS, check_sizes
from mmseg.models.uda.mmd import MMD
from mmseg.models.uda.pseudo_label import PseudoLabel
from mmseg.models.uda.soft_mix import check_strength, soft_losses, soft_mask, soft_paste
from mmseg.models.uda.soft_paste import LABEL, Template, long_tail_first
from mmseg.models.uda.uda_decorator import Term, require
from mmseg.registry import MODELS


@MODELS.register_module()
class DACSPlus(DACS):
    """DACS, plus what is switched on; without a switch it is DACS, draw for draw.

    Rare class sampling is a fourth addition, of the data (``data.train.rare_class_sampling``).

    Args:
        soft: lambda of the soft mix and the soft loss, in (0, 1]; 0.9 for GTA, 0.8 for Synthia. None = hard mixing.
        soft_paste: put pixels of long-tail classes into what is pasted, before it is pasted. The loader draws them
            (``data.train.long_tail_paste``).
        mmd: arguments of :class:`MMD`, between the features of the source and of the mixed images. None = without.
        **dacs: of :class:`DACS`.

    Raises:
        InputError: a setting is out of its range, or does not fit another.
    """

    mmd: MMD | None

    def __init__(
        self, *, soft: float | None = None, soft_paste: bool = False, mmd: Mapping | None = None, **dacs
    ) -> None:
        super().__init__(**dacs)
        require(isinstance(soft_paste, bool), 'uda.soft_paste', soft_paste, 'True or False')
        require(mmd is None or isinstance(mmd, Mapping), 'uda.mmd', mmd, 'None or dict(weight=0.005, ...)')
        self.soft = None if soft is None else check_strength(soft)
        self.soft_paste = soft_paste
        self.mmd = None if mmd is None else MODELS.build({**mmd, 'type': 'MMD'})
        self.couples_domains = self.mmd is not None

    def make_batch(self, data: dict[str, Any]) -> Batch:
        """As in DACS, but what is pasted is a template that may hold more than the source image."""
        source = Labelled(data['img'], data['gt_semantic_seg'])
        check_sizes(source.img, data['target_img'])
        pseudo = self.pseudo_label(data)
        template = self.template(source, data)
        mixed = self.mix(template.mask, Labelled(template.img, template.label), data['target_img'], pseudo)
        mixed.img = self.augment(mixed.img, data['img_metas'])
        return Batch(
            data, source, data['target_img'], pseudo, mixed, template.mask, extra=self.paste_pictures(data, template)
        )

    def template(self, source: Labelled, data: Mapping[str, Any]) -> Template:
        """What is pasted, and where: half of the classes of ``source``, and long-tail pixels."""
        template = Template(source.img, source.label, self.mix_mask(source.label))
        return long_tail_first(template, data, ignore_index=self.ignore_index) if self.soft_paste else template

    def mix(self, mask: Tensor, source: Labelled, target_img: Tensor, pseudo: PseudoLabel) -> Labelled:
        """As in DACS, but with the soft mask for the image; label and weight stay hard."""
        mixed = super().mix(mask, source, target_img, pseudo)
        if self.soft is not None:
            mixed.img = soft_paste(mask, self.soft, source=source.img, target=target_img)
        return mixed

    def paste_pictures(self, data: Mapping[str, Any], template: Template) -> dict[str, Tensor]:
        """What the debug figure shows besides the pictures of DACS."""
        shown: dict[str, Tensor] = {}
        if self.soft is not None:
            shown['soft mask (white: source)'] = soft_mask(template.mask, self.soft)
        if self.soft_paste:
            shown |= {'long-tail pixels pasted': data[LABEL], 'template image': template.img}
        return shown

    def loss_terms(self, batch: Batch) -> Iterator[Term]:
        """L = L_S + lambda_FD * L_FD + L_T + lambda_MMD * MMD."""
        yield from super().loss_terms(batch)
        if self.mmd is not None:
            assert batch.mixed is not None
            features = [self.model.levels(self.student_features(batch, part)) for part in (batch.source, batch.mixed)]
            yield 'mix', {'loss_mmd': self.mmd(*features)}

    def mixed_losses(self, batch: Batch) -> dict[str, Tensor]:
        if self.soft is None:
            return super().mixed_losses(batch)
        assert batch.mixed is not None
        assert batch.pseudo is not None
        logits = self.student_logits(batch, batch.mixed)
        return soft_losses(self.model, logits, batch.mixed, batch.pseudo.label, self.soft)

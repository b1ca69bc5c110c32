"""DSP, Dual Soft-Paste (Gao et al., ACM MM 2021, arXiv 2107.09600), the whole method."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.errors import InputError
from mmseg.models.uda import strong_augment
from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.class_mix import paste
from mmseg.models.uda.dacs import check_sizes
from mmseg.models.uda.dacs_plus import DACSPlus
from mmseg.models.uda.mmd import MMD
from mmseg.models.uda.soft_mix import soft_losses, soft_paste
from mmseg.models.uda.uda_decorator import Term, require
from mmseg.registry import MODELS


@dataclass(eq=False)
class DualBatch(Batch):
    """A batch whose template was pasted twice: ``mixed`` on the target (x_st), ``onto_source`` on the source (x_ss)."""

    onto_source: Labelled | None = None


@MODELS.register_module()
class DSP(DACSPlus):
    """Soft-paste half of the classes of a second source image B both on the source A and on the target T.

    L = CE(f(x_A), y_A) + L_ss + L_st + MMD of the two mixed images, descended at once. Unlike in the released program,
    L_st has both of its halves, all drawn long-tail classes are pasted, and the masked MMD uses each image's own mask
    (docs/variants.md).

    Args:
        soft: lambda, in (0, 1].
        soft_paste: put long-tail pixels into B first.
        mix_scope: 'image': half of the classes of each image B.
        projection: channels of the 1x1 convolution in front of both MMD terms; None = compare features themselves.
        mmd: of the globally pooled features, arguments of :class:`MMD`; None = without.
        masked_mmd: of the features where B is shown, arguments of :class:`MMD`; None = without.
        **dacs: of :class:`DACS`; ``fuse_forward=True`` is refused.

    Raises:
        InputError: a setting is out of its range, or does not fit another.
    """

    couples_domains = True
    masked_mmd: MMD | None
    projection: nn.Module

    def __init__(
        self,
        *,
        soft: float = 0.9,
        soft_paste: bool = True,
        mix_scope: str = 'image',
        projection: int | None = 256,
        mmd: Mapping | None = None,
        masked_mmd: Mapping | None = None,
        **dacs,
    ) -> None:
        super().__init__(soft=soft, soft_paste=soft_paste, mix_scope=mix_scope, mmd=mmd, **dacs)
        require(soft is not None, 'uda.soft', soft, 'a number above 0 and at most 1; 1 pastes hard')
        valid = 'None or dict(weight=0.005, ...)'
        require(masked_mmd is None or isinstance(masked_mmd, Mapping), 'uda.masked_mmd', masked_mmd, valid)
        require(self.fuse_forward is not True, 'uda.fuse_forward', self.fuse_forward, 'False: DSP has three images')
        self.fuse_forward = False
        self.couples_domains = True
        self.masked_mmd = None if masked_mmd is None else MODELS.build({**masked_mmd, 'type': 'MMD'})
        self.projection = nn.Identity()
        if projection is not None and (self.mmd is not None or self.masked_mmd is not None):
            whole = isinstance(projection, int) and projection > 0
            require(whole, 'uda.projection', projection, 'a number of channels, or None')
            self.projection = nn.Conv2d(coarsest_channels(self.model.decode_head), projection, 1, bias=False)

    def make_batch(self, data: dict[str, Any]) -> DualBatch:
        """x_A and x_T as they are; x_st and x_ss with the same template, mask and augmentation."""
        source = Labelled(data['img'], data['gt_semantic_seg'])
        check_sizes(source.img, data['target_img'])
        pseudo = self.pseudo_label(data)
        template = self.template(second_source(data), data)
        mask, pasted = template.mask, Labelled(template.img, template.label)
        mixed = self.mix(mask, pasted, data['target_img'], pseudo)
        onto_source = self.mix_source(mask, pasted, source)
        norm = data['img_metas'][0]['img_norm_cfg']
        self.strong_augment.check_channels(source.img.shape[1])
        params = self.strong_augment.draw(len(source.img))
        for part in (mixed, onto_source):
            part.img = strong_augment.apply(params, part.img, mean=norm['mean'], std=norm['std'])
        pictures = self.paste_pictures(data, template) | {
            'template image': template.img,
            'source-on-source image': onto_source.img,
            'source-on-source label': onto_source.label,
        }
        return DualBatch(data, source, data['target_img'], pseudo, mixed, mask, extra=pictures, onto_source=onto_source)

    def mix_source(self, mask: Tensor, pasted: Labelled, source: Labelled) -> Labelled:
        """x_ss and y_ss; both labels are true, so every pixel counts fully."""
        assert self.soft is not None
        return Labelled(
            img=soft_paste(mask, self.soft, source=pasted.img, target=source.img),
            label=paste(mask, source=pasted.label, target=source.label),
        )

    def loss_terms(self, batch: Batch) -> Iterator[Term]:
        """L = L_A (+ lambda_FD * L_FD) + L_ss + L_st + lambda_MMD * (MMD + masked MMD)."""
        assert isinstance(batch, DualBatch)
        assert batch.onto_source is not None
        assert self.soft is not None
        yield '', self.source_losses(batch)
        logits = self.student_logits(batch, batch.onto_source)
        yield 'ss', soft_losses(self.model, logits, batch.onto_source, batch.source.label, self.soft)
        yield 'mix', self.mixed_losses(batch)
        if self.mmd is not None or self.masked_mmd is not None:
            yield 'mix', self.discrepancies(batch, batch.onto_source)

    def discrepancies(self, batch: Batch, onto_source: Labelled) -> dict[str, Tensor]:
        """MMD between x_ss and x_st, of h pooled over the whole image, and over lambda M."""
        assert self.soft is not None
        assert batch.mixed is not None
        assert batch.mix_mask is not None
        parts = [self.model.levels(self.student_features(batch, part)) for part in (onto_source, batch.mixed)]
        h = [[*levels[:-1], self.projection(levels[-1])] for levels in parts]
        losses = {}
        if self.mmd is not None:
            losses['loss_mmd'] = self.mmd(*h)
        if self.masked_mmd is not None:
            losses['loss_masked_mmd'] = self.masked_mmd(*[masked(levels, batch.mix_mask, self.soft) for levels in h])
        return losses


def masked(levels: list[Tensor], mask: Tensor, strength: float) -> list[Tensor]:
    """Features (B, C, h, w) times lambda M, each position with the share of its pixels that the mask covers.

    The mean over positions is that of the features upsampled (nearest) to the size of the mask, without making them.
    """
    shares = (F.adaptive_avg_pool2d(mask.to(x.dtype), (x.shape[2], x.shape[3])) for x in levels)
    return [x * strength * share for x, share in zip(levels, shares, strict=True)]


def second_source(data: Mapping[str, Any]) -> Labelled:
    """x_B, y_B.

    Raises:
        InputError: the loader gave none.
    """
    if 'template_img' not in data:
        raise InputError('DSP pastes from a second source image: set data.train.second_source=True.')
    return Labelled(data['template_img'], data['template_gt_semantic_seg'])


def coarsest_channels(head: nn.Module) -> int:
    """Channels of the coarsest stage that ``head`` reads, which is the last one in every network here."""
    channels: Any = head.in_channels
    return channels if isinstance(channels, int) else channels[-1]

"""MIC, Masked Image Consistency (Hoyer et al., CVPR 2023, arXiv 2212.01322): predict also what is masked out.

One further pass: blocks of the target image are removed, and the student learns from what is left the pseudo-label of
the whole image. It has to use context.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.config.values import Finite
from mmseg.errors import InputError, nearest
from mmseg.models.networks import Network, Role
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.models.uda import strong_augment
from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.further_term import FurtherTerm
from mmseg.models.uda.pseudo_label import PseudoLabel, pseudo_label
from mmseg.models.uda.strong_augment import StrongAugment
from mmseg.models.uda.teacher import ParameterList, ema_alpha, follower_of, update_ema
from mmseg.models.uda.uda_decorator import Term, UDADecorator, require
from mmseg.registry import MODELS

#: whose images are masked: a target and a source image, source images, target images; each with colour jitter and blur
MODES = ('separate', 'separatesrc', 'separatetrg', 'separateaug', 'separatesrcaug', 'separatetrgaug')
Same = Literal['same']


def draw_blocks(shape: tuple[int, int, int], block_size: int, *, generator: torch.Generator | None = None) -> Tensor:
    """A uniform number in 0..1 for each block of B images (B, H, W): (B, 1, round(H / b), round(W / b)), at least 1.

    Args:
        shape: (B, H, W).
        block_size: b, side of a block in pixels.
        generator: of the CPU; None is the global one.
    """
    images, *sides = shape
    rows, columns = (max(round(side / block_size), 1) for side in sides)
    return torch.rand(images, 1, rows, columns, generator=generator)


def block_mask(draw: Tensor, ratio: float, size: tuple[int, int]) -> Tensor:
    """The mask m (B, 1, H, W), 1 where a block is kept: its number in ``draw`` is GREATER than ``ratio``."""
    return F.interpolate((draw > ratio).to(torch.float32), size, mode='nearest')


class OwnTeacher(nn.Module):
    """A teacher of the masked images alone; in the state dict ``mic.teacher.ema_model``, as published.

    Args:
        student: what it starts as a copy of, and follows.
    """

    def __init__(self, student: BaseSegmentor) -> None:
        super().__init__()
        self.ema_model = follower_of(student)
        self._own_parameters, self._parameters_of_student = ParameterList(self.ema_model), ParameterList(student)

    def follow(self, alpha: float) -> None:
        """Keep the share ``alpha`` of itself, and take the rest of the student."""
        update_ema(self._own_parameters(), self._parameters_of_student(), alpha)


@MODELS.register_module()
class MaskedConsistency(FurtherTerm):
    """lambda_M * q * CE(f(m * A(x_T)), p_T), p_T and q_T as the method has them; with all of the segmentor's losses.

    Args:
        mode: one of :data:`MODES`; 'separatetrgaug' for GTA and Synthia, 'separate' for clear to adverse weather.
        block_size: b, side of a masked block in pixels: 64 at full resolution (HRDA), 32 at half (DAFormer).
        hidden: 'pixels' of blocks, which get the mean colour, or 'tokens', for plain vision Transformers
            (``backbone.mask_token=True``): a learnt token stands for each hidden patch, whatever ``block_size`` says
            (VFM-UDA, Englert et al., 2024).
        ratio: r, share of the blocks that are removed, in 0..1.
        weight: lambda_M of the main loss; the other losses of the segmentor keep theirs.
        alpha: share of itself that a teacher of its own keeps in an update, in 0..1; 0 is the student before each step,
            'same' the method's alpha.
        pseudo_threshold: tau of the pseudo-labels it learns from, in 0..1, None for weight 1; 'same' is that of the
            method. With both 'same' they are the pseudo-labels of the method.
        color_jitter_strength: of the modes with ``aug``, in 0..0.5; 'same' is that of the method.
        color_jitter_probability: jitter acts where a uniform number is GREATER; 'same' is that of the method. Blur acts
            in half of the steps, whatever ``blur`` of the method says.

    Raises:
        InputError: a setting is out of its range, or 'same' where the method has none.
    """

    name = 'mic'
    teacher: OwnTeacher | None

    def __init__(
        self,
        *,
        mode: str = 'separatetrgaug',
        block_size: int = 64,
        hidden: Literal['pixels', 'tokens'] = 'pixels',
        ratio: float = 0.7,
        weight: Finite = 1.0,
        alpha: float | Same = 'same',
        pseudo_threshold: float | Same | None = 'same',
        color_jitter_strength: float | Same = 'same',
        color_jitter_probability: float | Same = 'same',
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise InputError(f'MaskedConsistency: mode is {mode!r}: use one of {MODES}.{nearest(str(mode), MODES)}')
        whole = isinstance(block_size, int) and not isinstance(block_size, bool)
        require(whole and block_size > 0, 'MaskedConsistency: block_size', block_size, 'a number of pixels')
        require(hidden in ('pixels', 'tokens'), 'MaskedConsistency: hidden', hidden, "'pixels' or 'tokens'")
        require(0 <= ratio <= 1, 'MaskedConsistency: ratio', ratio, 'in 0..1')
        require(weight > 0, 'MaskedConsistency: weight', weight, 'above 0')
        require(_same_or_share(alpha), 'MaskedConsistency: alpha', alpha, "in 0..1, or 'same'")
        sure = pseudo_threshold is None or _same_or_share(pseudo_threshold)
        require(sure, 'MaskedConsistency: pseudo_threshold', pseudo_threshold, "in 0..1, None, or 'same'")
        self.augmented = mode.endswith('aug')
        self.domains = mode.removesuffix('aug')
        self.block_size = block_size
        self.hides_tokens = hidden == 'tokens'
        self.ratio = ratio
        self.weight = weight
        self.alpha = alpha
        self.pseudo_threshold = pseudo_threshold
        jitter = {'jitter_strength': color_jitter_strength, 'jitter_threshold': color_jitter_probability}
        self.jitter: dict[str, Any] = {field: value for field, value in jitter.items() if value != 'same'}
        replace(StrongAugment(), **self.jitter)  # refuses what is out of range
        self.teacher = None

    def attach(self, method: UDADecorator) -> None:
        if self.hides_tokens and getattr(method.model.backbone, 'mask_token', None) is None:
            raise InputError(
                "MaskedConsistency: hidden='tokens' needs an encoder with a mask token: a VisionTransformer, BEiT, "
                'MAE or TimmBackbone (plain Transformers) with mask_token=True.'
            )
        alone = self.domains == 'separatetrg'
        require(
            method.needs_source or alone, 'MaskedConsistency: mode', self.domains, 'separatetrg: there is no source'
        )
        if self.domains == 'separatesrc':
            return
        require(method.needs_target, 'MaskedConsistency: mode', self.domains, 'separatesrc: there are no target images')
        if method.labels_target and self.alpha == self.pseudo_threshold == 'same':
            return
        for key, value in (('alpha', self.alpha), ('pseudo_threshold', self.pseudo_threshold)):
            known = method.labels_target or value != 'same'
            require(known, f'MaskedConsistency: {key}', value, f'a number: {type(method).__name__} has none')
        self.teacher = OwnTeacher(method.model)

    def init_weights(self, method: UDADecorator) -> None:
        if self.teacher is not None:
            self.teacher.ema_model.load_state_dict(method.model.state_dict())

    def networks(self) -> list[Network]:
        if self.teacher is None:
            return []
        return [Network('teacher.ema_model', self.teacher.ema_model, Role.FOLLOWS)]

    def before_step(self, method: UDADecorator) -> None:
        if self.teacher is not None and method.starts_accumulation():
            alpha = method.alpha if isinstance(self.alpha, str) else self.alpha
            self.teacher.follow(ema_alpha(method.steps // method.accumulate, alpha))

    def prepare(self, method: UDADecorator, batch: Batch) -> None:
        masked = self.unmasked(method, batch)
        img = self.augment(method, masked.img, batch.img_metas) if self.augmented else masked.img
        if self.hides_tokens:
            masked.img, masked.view = img, self.draw_hidden(method.model.backbone, img)
            batch.extra['masked tokens (white: hidden)'] = masked.view
        else:
            masked.img = img * self.draw_mask(img)  # 0 is the mean colour
        batch.parts['masked'] = masked

    def unmasked(self, method: UDADecorator, batch: Batch) -> Labelled:
        """Images as they are, with what is learned from them. Labels are not masked: all pixels count."""
        if self.domains == 'separatesrc':
            return Labelled(batch.source.img, batch.source.label)
        assert batch.target_img is not None
        pseudo = self.pseudo_label(method, batch)
        target = Labelled(batch.target_img, pseudo.label, pseudo.weight)
        return target if self.domains == 'separatetrg' else half_and_half(batch.source, target)

    def pseudo_label(self, method: UDADecorator, batch: Batch) -> PseudoLabel:
        """p_T and q_T, of the method or of the term's own teacher."""
        if self.teacher is None:
            assert batch.pseudo is not None
            return batch.pseudo
        logits = self.teacher.ema_model.encode_decode(batch.data['target_img'])
        own = self.pseudo_threshold
        threshold = method.pseudo_threshold if isinstance(own, str) else own
        return method.trusted(pseudo_label(logits, threshold=threshold), batch.data)

    def augment(self, method: UDADecorator, img: Tensor, img_metas: list[dict]) -> Tensor:
        """Colour jitter and blur, with draws of its own."""
        settings = replace(getattr(method, 'strong_augment', StrongAugment()), blur=True, **self.jitter)
        norm = img_metas[0]['img_norm_cfg']
        return strong_augment.apply(settings.draw(len(img)), img, mean=norm['mean'], std=norm['std'])

    def draw_mask(self, img: Tensor) -> Tensor:
        """m, (B, 1, H, W), of the type of ``img`` (B, 3, H, W)."""
        images, _, height, width = img.shape
        draw = draw_blocks((images, height, width), self.block_size).to(img.device, non_blocking=True)
        return block_mask(draw, self.ratio, (height, width)).to(img.dtype)

    def draw_hidden(self, backbone: Any, img: Tensor) -> Tensor:
        """Hidden patches of ``img`` (B, 3, H, W): (B, 1, rows, columns) bool, where a number is at most ``ratio``."""
        rows, columns = backbone.patch_grid((img.shape[2], img.shape[3]))
        return (torch.rand(len(img), 1, rows, columns) <= self.ratio).to(img.device, non_blocking=True)

    def loss_terms(self, method: UDADecorator, batch: Batch) -> Iterator[Term]:
        losses = method.segmentation_losses(batch, batch.parts['masked'])
        main = 'decode.loss_seg'
        yield 'masked', losses | {main: losses[main] * self.weight} if self.weight != 1 else losses


def _same_or_share(value: object) -> bool:
    return value == 'same' or (isinstance(value, int | float) and 0 <= value <= 1)


def half_and_half(source: Labelled, target: Labelled) -> Labelled:
    """The first half of the source images and, fully weighted, the first half of the target images.

    Raises:
        InputError: there is no half.
    """
    count = len(source.img)
    if count % 2:
        raise InputError(
            f"MaskedConsistency: mode 'separate' masks as many source as target images, of a batch of {count}: set "
            'data.samples_per_gpu to an even number, or mode to separatetrg.'
        )
    half = count // 2
    assert target.weight is not None
    return Labelled(
        img=torch.cat([source.img[:half], target.img[:half]]),
        label=torch.cat([source.label[:half], target.label[:half]]),
        weight=torch.cat([torch.ones_like(target.weight[:half]), target.weight[:half]]),
    )

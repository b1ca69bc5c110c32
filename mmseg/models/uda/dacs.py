"""DACS (Tranheden et al., 2021) with the additions of DAFormer (Hoyer et al., 2022)."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from mmseg.config.values import Finite
from mmseg.errors import InputError
from mmseg.models.networks import Network, Role
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.models.uda import strong_augment
from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.class_mix import NUM_LABELS, check_scope, class_mask, draw_classes, paste
from mmseg.models.uda.feature_distance import FeatureDistance
from mmseg.models.uda.pseudo_label import PseudoLabel, mean_prediction, pseudo_label, trusted
from mmseg.models.uda.strong_augment import StrongAugment
from mmseg.models.uda.teacher import MeanTeacher
from mmseg.models.uda.uda_decorator import Term, require
from mmseg.registry import MODELS


@MODELS.register_module()
class DACS(MeanTeacher):
    """Cross-domain mixed sampling: learn from source images, and from source classes pasted onto target images.

    Args:
        pseudo_threshold: tau, confidence that counts as sure; in 0..1.
        pseudo_weight_ignore_top: rows at the upper edge whose pseudo-labels are not trusted.
        pseudo_weight_ignore_bottom: rows at the lower edge.
        imnet_feature_dist_lambda: weight of the feature distance to the initial (ImageNet) encoder; 0 = without.
        imnet_feature_dist_classes: train ids of the classes it counts (thing classes); None = every position.
        imnet_feature_dist_scale_min_ratio: share of a feature position that its class must fill, in 0..1.
        mix: 'class', the only one.
        mix_scope: 'batch': each image gets half of the classes of the whole batch; 'image': half of its own.
        blur: blur the mixed images, with probability 0.5.
        color_jitter_strength: of the mixed images, in 0..0.5.
        color_jitter_probability: jitter acts where a uniform number is GREATER than this: 0.2 means 80 % of the
            steps. The name is the one that configs have always used.
        color_jitter_bands: channels of the network's input that are red, green and blue: jitter of saturation and hue
            is of these, that of brightness and contrast of all. [] = none are; None = those of three, none of other
            numbers of channels.
        augment_scope: 'batch': jitter and blur act on all images of a batch or on none; 'image': on each by itself.
        pseudo_flip: the teacher labels the mean of what it predicts of an image and of its mirror image.
        **teacher: of :class:`MeanTeacher` and :class:`UDADecorator`.

    Raises:
        InputError: a setting is out of its range, or does not fit another.
    """

    labels_target = True
    imnet_model: BaseSegmentor | None
    feature_distance: FeatureDistance | None

    def __init__(
        self,
        *,
        pseudo_threshold: float = 0.968,
        pseudo_weight_ignore_top: int = 0,
        pseudo_weight_ignore_bottom: int = 0,
        imnet_feature_dist_lambda: Finite = 0.0,
        imnet_feature_dist_classes: Sequence[int] | None = None,
        imnet_feature_dist_scale_min_ratio: float | None = None,
        mix: str = 'class',
        mix_scope: str = 'batch',
        blur: bool = True,
        color_jitter_strength: float = 0.2,
        color_jitter_probability: float = 0.2,
        color_jitter_bands: Sequence[int] | None = None,
        augment_scope: Literal['batch', 'image'] = 'batch',
        pseudo_flip: bool = False,
        **teacher,
    ) -> None:
        super().__init__(**teacher)
        require(0 <= pseudo_threshold <= 1, 'uda.pseudo_threshold', pseudo_threshold, 'in 0..1')
        for edge, rows in [('top', pseudo_weight_ignore_top), ('bottom', pseudo_weight_ignore_bottom)]:
            require(isinstance(rows, int) and rows >= 0, f'uda.pseudo_weight_ignore_{edge}', rows, 'a number of rows')
        require(mix == 'class', 'uda.mix', mix, "'class'")
        self.pseudo_threshold = pseudo_threshold
        self.ignore_top = pseudo_weight_ignore_top
        self.ignore_bottom = pseudo_weight_ignore_bottom
        self.mix_scope = check_scope(mix_scope)
        rgb = None if color_jitter_bands is None else tuple(color_jitter_bands)
        self.strong_augment = StrongAugment(color_jitter_strength, color_jitter_probability, blur, rgb, augment_scope)
        self.pseudo_flip = pseudo_flip

        self.imnet_model = self.feature_distance = None
        require(imnet_feature_dist_lambda >= 0, 'uda.imnet_feature_dist_lambda', imnet_feature_dist_lambda, '0 or more')
        if imnet_feature_dist_lambda > 0:
            self.imnet_model = copy.deepcopy(self.model).requires_grad_(False).eval()  # the initial encoder
            self.feature_distance = FeatureDistance(
                weight=imnet_feature_dist_lambda,
                classes=imnet_feature_dist_classes,
                scale_min_ratio=imnet_feature_dist_scale_min_ratio,
                num_classes=self.model.num_classes,
            )

    def init_weights(self) -> None:
        super().init_weights()
        if self.imnet_model is not None:
            self.imnet_model.load_state_dict(self.model.state_dict())

    def make_batch(self, data: dict[str, Any]) -> Batch:
        """Everything the loss terms learn from.

        Args:
            data: ``img``, ``target_img`` (B, 3, H, W) normalised; ``gt_semantic_seg`` (B, 1, H, W) int64;
                ``img_metas``, ``target_img_metas``; perhaps ``target_valid_pseudo_mask`` (B, 1, H, W) bool. A target
                label is never looked at.
        """
        source = Labelled(data['img'], data['gt_semantic_seg'])
        target_img = data['target_img']
        check_sizes(source.img, target_img)
        pseudo = self.pseudo_label(data)  # p_T and its quality q_T
        mask = self.mix_mask(source.label)  # M: half of the source classes
        mixed = self.mix(mask, source, target_img, pseudo)
        mixed.img = self.augment(mixed.img, data['img_metas'])
        return Batch(data, source, target_img, pseudo, mixed, mask)

    def pseudo_label(self, data: Mapping[str, Any]) -> PseudoLabel:
        """p_T and q_T of the target images, from the teacher."""
        logits = self.ema_model.encode_decode(data['target_img'])
        if self.pseudo_flip:
            logits = mean_prediction(logits, self.ema_model.encode_decode(data['target_img'].flip(3)).flip(3))
        return self.trusted(pseudo_label(logits, threshold=self.pseudo_threshold), data)

    def trusted(self, pseudo: PseudoLabel, data: Mapping[str, Any]) -> PseudoLabel:
        pseudo = super().trusted(pseudo, data)
        return trusted(pseudo, ignore_top=self.ignore_top, ignore_bottom=self.ignore_bottom)

    def mix_mask(self, source_label: Tensor) -> Tensor:
        """M, (B, 1, H, W) bool."""
        labels = max(NUM_LABELS, self.ignore_index + 1)
        return class_mask(source_label, draw_classes(source_label, scope=self.mix_scope, labels=labels))

    def mix(self, mask: Tensor, source: Labelled, target_img: Tensor, pseudo: PseudoLabel) -> Labelled:
        """x_M, y_M, w_M: what the mask shows of the source (weight 1), on the target with its pseudo-labels."""
        return Labelled(
            img=paste(mask, source=source.img, target=target_img),
            label=paste(mask, source=source.label, target=pseudo.label),
            weight=paste(mask, source=torch.ones_like(pseudo.weight), target=pseudo.weight),
        )

    def augment(self, img: Tensor, img_metas: list[dict]) -> Tensor:
        """Colour jitter and blur of normalised images."""
        norm = img_metas[0]['img_norm_cfg']
        self.strong_augment.check_channels(img.shape[1])
        params = self.strong_augment.draw(len(img))
        return strong_augment.apply(params, img, mean=norm['mean'], std=norm['std'])

    def loss_terms(self, batch: Batch) -> Iterator[Term]:
        """L = L_S + lambda_FD * L_FD + L_T."""
        yield '', self.source_losses(batch)  # L_S, and L_FD where enabled: they share a graph
        yield 'mix', self.mixed_losses(batch)  # L_T: half of the source classes pasted on the target

    def source_losses(self, batch: Batch) -> dict[str, Tensor]:
        losses = self.segmentation_losses(batch, batch.source)
        if self.imnet_model is not None and self.feature_distance is not None:
            features = self.student_features(batch, batch.source)
            with torch.no_grad():
                reference = self.imnet_model.reference_features(batch.source.img, batch.source.view)
            distance = self.feature_distance(self.model.compared(features, reference, batch.source.label))
            batch.thing_mask = distance.mask
            losses |= {'src.loss_imnet_feat_dist': distance.loss}
        return losses

    def mixed_losses(self, batch: Batch) -> dict[str, Tensor]:
        assert batch.mixed is not None
        return self.segmentation_losses(batch, batch.mixed)

    def networks(self) -> list[Network]:
        frozen = [] if self.imnet_model is None else [Network('imnet_model', self.imnet_model, Role.FROZEN)]
        return [*super().networks(), *frozen]


def check_sizes(source_img: Tensor, target_img: Tensor) -> None:
    """Refuse images that cannot be mixed.

    Raises:
        InputError: source and target images differ in size or number.
    """
    if source_img.shape != target_img.shape:
        sizes = [f'{len(x)} of {x.shape[3]}x{x.shape[2]}' for x in (source_img, target_img)]
        raise InputError(
            f'Source images ({sizes[0]}) cannot be mixed with target images ({sizes[1]}): give both pipelines the same '
            'crop_size (and Pad size).'
        )

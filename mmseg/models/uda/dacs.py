"""DACS (Tranheden et al., 2021) with the additions of DAFormer (Hoyer et al., 2022)."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from mmseg.config.values import Finite
from mmseg.errors import InputError
from mmseg.models.networks import Network, Role
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.class_mix import NUM_LABELS, check_scope, class_mask, draw_classes, paste
from mmseg.models.uda.feature_distance import FeatureDistance
from mmseg.models.uda.pseudo_label import PseudoLabel
from mmseg.models.uda.self_training import SelfTraining
from mmseg.models.uda.uda_decorator import Term, require
from mmseg.registry import MODELS


@MODELS.register_module()
class DACS(SelfTraining):
    """Cross-domain mixed sampling: learn from source images, and from source classes pasted onto target images.

    Args:
        imnet_feature_dist_lambda: weight of the feature distance to the initial (ImageNet) encoder; 0 = without.
        imnet_feature_dist_classes: train ids of the classes it counts (thing classes); None = every position.
        imnet_feature_dist_scale_min_ratio: share of a feature position that its class must fill, in 0..1.
        mix: 'class', the only one.
        mix_scope: 'batch': each image gets half of the classes of the whole batch; 'image': half of its own.
        **self_training: of :class:`SelfTraining`, :class:`MeanTeacher` and :class:`UDADecorator`; jitter and blur are
            of the mixed images.

    Raises:
        InputError: a setting is out of its range, or does not fit another.
    """

    imnet_model: BaseSegmentor | None
    feature_distance: FeatureDistance | None

    def __init__(
        self,
        *,
        imnet_feature_dist_lambda: Finite = 0.0,
        imnet_feature_dist_classes: Sequence[int] | None = None,
        imnet_feature_dist_scale_min_ratio: float | None = None,
        mix: str = 'class',
        mix_scope: str = 'batch',
        **self_training,
    ) -> None:
        super().__init__(**self_training)
        require(mix == 'class', 'uda.mix', mix, "'class'")
        self.mix_scope = check_scope(mix_scope)

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

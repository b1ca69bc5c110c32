"""Features as those of a frozen foundation encoder, on images of both domains (VFM-UDA++, Englert et al., 2025)."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmseg.config.values import Count
from mmseg.errors import InputError
from mmseg.models.layers import resize
from mmseg.models.layers.norm import ChannelNorm
from mmseg.models.networks import Network, Role
from mmseg.models.uda.batch import Batch, Labelled
from mmseg.models.uda.further_term import FurtherTerm
from mmseg.models.uda.uda_decorator import Term, UDADecorator, require
from mmseg.registry import MODELS

DOMAINS = ('source', 'target')


def alignment(features: Tensor, reference: Tensor) -> Tensor:
    """Mean over all places of 0.1 * smooth L1 (mean over channels) + 0.9 * (1 - cosine).

    Args:
        features: (B, C, h, w), of the student.
        reference: (B, C, h, w), of the teacher.
    """
    precision = torch.promote_types(features.dtype, torch.float32)
    features, reference = features.to(precision), reference.to(precision)
    cosine = F.cosine_similarity(features, reference, dim=1)
    return 0.1 * F.smooth_l1_loss(features, reference) + 0.9 * (1 - cosine).mean()


class Reference(nn.Module):
    """The frozen encoder, as a network that has one."""

    def __init__(self, backbone: Mapping) -> None:
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.requires_grad_(False)


@MODELS.register_module()
class FeatureAlignment(FurtherTerm):
    """weight * mean over images of (0.1 * smooth L1 + 0.9 * (1 - cos)) between a projection and a frozen encoder.

    The student's coarsest map passes through a 1x1 convolution to 4 times its channels, a norm, GELU and another 1x1
    convolution, and is brought to the teacher's grid. Every pixel counts. Source and target images are passed through
    the student's encoder for it alone, one after the other, so that no other graph has to live meanwhile.

    Args:
        teacher: config of a backbone; its last map counts.
        size: side, or (height, width), that images are brought to for the teacher.
        weight: of each domain's term.
        domains: whose images.
        channels: of the student's coarsest map; and of the teacher's last.

    Raises:
        InputError: a setting is out of its range, or the student looks at a part of the image that it draws.
    """

    name = 'feature_alignment'

    def __init__(
        self,
        *,
        teacher: Mapping,
        channels: tuple[Count, Count],
        size: Count | tuple[Count, Count] = 406,
        weight: float = 0.1,
        domains: Sequence[str] = DOMAINS,
    ) -> None:
        super().__init__()
        require(weight > 0, 'FeatureAlignment: weight', weight, 'above 0')
        known = bool(domains) and set(domains) <= set(DOMAINS)
        require(known, 'FeatureAlignment: domains', domains, f'some of {", ".join(DOMAINS)}')
        student, taught = channels
        self.weight, self.domains = weight, tuple(domains)
        self.size = (size, size) if isinstance(size, int) else (size[0], size[1])
        self.teacher = Reference(teacher)
        self.projection = nn.Sequential(
            nn.Conv2d(student, 4 * student, 1), ChannelNorm(4 * student), nn.GELU(), nn.Conv2d(4 * student, taught, 1)
        )

    def attach(self, method: UDADecorator) -> None:
        if method.model.draws_views:
            raise InputError('FeatureAlignment compares whole images, but the segmentor looks at a part that it draws.')
        require(
            method.needs_target or 'target' not in self.domains,
            'FeatureAlignment: domains',
            self.domains,
            "('source',): there are no target images",
        )
        require(
            method.needs_source or 'source' not in self.domains,
            'FeatureAlignment: domains',
            self.domains,
            "('target',): there are no source images",
        )

    def init_weights(self, method: UDADecorator) -> None:
        self.teacher.backbone.init_weights()

    def networks(self) -> list[Network]:
        return [Network('teacher', self.teacher, Role.FROZEN)]

    def loss_terms(self, method: UDADecorator, batch: Batch) -> Iterator[Term]:
        for domain in self.domains:
            img = batch.source.img if domain == 'source' else batch.target_img
            assert img is not None
            part = Labelled(img, torch.empty(0))  # of which nothing but the features is asked
            with torch.no_grad():
                reference = self.teacher.backbone(resize(img, self.size))[-1]
            coarsest = method.model.levels(method.student_features(batch, part))[-1]
            yield domain, {'loss_feature_alignment': self.weight * self._distance(coarsest, reference)}

    def _distance(self, coarsest: Tensor, reference: Tensor) -> Tensor:
        projected = self.projection(coarsest)
        if projected.shape[1] != reference.shape[1]:
            raise InputError(
                f'FeatureAlignment: the teacher has {reference.shape[1]} channels, but channels says '
                f'{projected.shape[1]}.'
            )
        return alignment(resize(projected, (reference.shape[2], reference.shape[3])), reference)

"""Thing-class feature distance to the ImageNet network (DAFormer, sec. 3.3, eq. 6 to 9)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmseg.config.label_ids import usual_ignore_index
from mmseg.errors import InputError
from mmseg.models.segmentors.features import Compared


class FeatureDistanceLoss(NamedTuple):
    """``loss``: lambda_FD * L_FD, a scalar; ``mask``: the positions it counts, (B, 1, h, w) bool, None = all."""

    loss: Tensor
    mask: Tensor | None


class FeatureDistance(nn.Module):
    """The weighted distance between the student's and the ImageNet network's features of a source image.

    It only holds settings: nothing of it is in a checkpoint.

    Args:
        weight: lambda_FD.
        classes: the train ids whose positions count; None counts every position.
        scale_min_ratio: r, the share of a position's pixels that its class must fill; needed with ``classes``.
        num_classes: of the labels.

    Raises:
        InputError: the settings do not fit the classes or each other.
    """

    classes: Tensor | None

    def __init__(
        self, *, weight: float, classes: Sequence[int] | None, scale_min_ratio: float | None, num_classes: int
    ) -> None:
        super().__init__()
        check_settings(classes, scale_min_ratio, num_classes)
        self.weight = weight
        self.scale_min_ratio = scale_min_ratio
        self.num_classes = num_classes
        self.register_buffer('classes', None if classes is None else torch.tensor(classes), persistent=False)

    def forward(self, compared: Sequence[Compared]) -> FeatureDistanceLoss:
        """The sum of the distances of all pairs of maps, and the mask of the first pair's positions."""
        masks = [self.thing_mask(pair.label, pair.map.shape[2:]) for pair in compared]
        distances = [
            masked_distance(pair.map, pair.reference, mask) for pair, mask in zip(compared, masks, strict=True)
        ]
        total = distances[0] if len(distances) == 1 else torch.stack(distances).sum()
        return FeatureDistanceLoss(self.weight * total, masks[0])

    def thing_mask(self, label: Tensor, size: Sequence[int]) -> Tensor | None:
        """M_things: (B, 1, h, w) bool, the positions that are mostly of one of the classes."""
        if self.classes is None or self.scale_min_ratio is None:
            return None
        small = downscale_label(label, size, min_ratio=self.scale_min_ratio, num_classes=self.num_classes)
        return (small.unsqueeze(-1) == self.classes).any(dim=-1)


def check_settings(classes: Sequence[int] | None, scale_min_ratio: float | None, num_classes: int) -> None:
    """Refuse settings of the feature distance that cannot work.

    Raises:
        InputError: naming the key.
    """
    if classes is None:
        return
    if not classes or not set(classes) <= set(range(num_classes)):
        raise InputError(
            f'uda.imnet_feature_dist_classes is {classes!r}: give train ids in 0..{num_classes - 1}, '
            'or None for every position.'
        )
    if scale_min_ratio is None or not 0 <= scale_min_ratio <= 1:
        raise InputError(
            f'uda.imnet_feature_dist_scale_min_ratio is {scale_min_ratio!r}: with imnet_feature_dist_classes it must '
            'lie in 0..1; the paper has 0.75.'
        )


def downscale_label(
    label: Tensor, size: Sequence[int], *, min_ratio: float, num_classes: int, ignore_index: int | None = None
) -> Tensor:
    """Average pooling of the one-hot label, then the largest share, if it is large enough (eq. 9).

    The one-hot label is never made: pixels are counted per position and class. Every pixel belongs to one position,
    also where ``size`` does not divide the label's size.

    Args:
        label: (B, 1, H, W) int64; what is not in 0..num_classes-1 counts as ignored.
        size: (h, w) of the features.
        min_ratio: r; below it a position is ignored.
        num_classes: C.
        ignore_index: of the result; None is what heads of so many classes ignore.

    Returns:
        (B, 1, h, w) int64 of train ids and ``ignore_index``. Of equal shares the lowest class wins.
    """
    batch, _, height, width = label.shape
    h, w = size
    labels = num_classes + 1  # the last one collects all that is ignored
    # where the counts of an image, of a row of positions and of a position begin
    images, rows, columns = torch.arange(batch) * h * w, torch.arange(height) * h // height * w, torch.arange(width) * w
    starts = (torch.cat([images, rows, columns // width]) * labels).to(label.device, non_blocking=True)
    images, rows, columns = starts.split([batch, height, width])
    kind = torch.where((label >= 0) & (label < num_classes), label, num_classes)
    counts = torch.zeros(batch * h * w * labels, dtype=torch.int32, device=label.device)
    index = (images.view(-1, 1, 1, 1) + rows.view(-1, 1) + columns + kind).flatten()
    counts.scatter_add_(0, index, torch.ones_like(index, dtype=torch.int32))
    counts = counts.view(batch, 1, h, w, labels)
    share = counts / counts.sum(dim=-1, keepdim=True)
    largest, winner = share.max(dim=-1)
    keep = (largest >= min_ratio) & (winner < num_classes)
    return torch.where(keep, winner, usual_ignore_index(num_classes) if ignore_index is None else ignore_index)


def masked_distance(feature: Tensor, reference: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over the masked positions of the L2 distance over channels (eq. 8).

    Exactly 0, with gradient 0, where the features agree and where the mask is empty.

    Args:
        feature: (B, C, h, w), of the student.
        reference: (B, C, h, w), of the ImageNet network.
        mask: (B, 1, h, w) bool; None = all positions.
    """
    precision = torch.promote_types(feature.dtype, torch.float32)  # a sum of squares overflows half precision
    distance = torch.linalg.vector_norm(feature.to(precision) - reference.to(precision), dim=1, keepdim=True)
    if mask is None:
        return distance.mean()
    return torch.where(mask, distance, 0).sum() / mask.sum().clamp(min=1)

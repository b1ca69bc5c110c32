"""A teacher's pseudo-labels of the target and colour augmentation: what self-training methods share."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import Tensor

from mmseg.models.uda import strong_augment
from mmseg.models.uda.pseudo_label import PseudoLabel, mean_prediction, pseudo_label, trusted
from mmseg.models.uda.strong_augment import StrongAugment
from mmseg.models.uda.teacher import MeanTeacher
from mmseg.models.uda.uda_decorator import require


class AugmentingTeacher(MeanTeacher):
    """A method with a teacher whose student sees images with other colours and blurred.

    Args:
        blur: blur the images, with probability 0.5.
        color_jitter_strength: of the images, in 0..0.5.
        color_jitter_probability: jitter acts where a uniform number is GREATER than this: 0.2 means 80 % of the
            steps. The name is the one that configs have always used.
        color_jitter_bands: channels of the network's input that are red, green and blue: jitter of saturation and hue
            is of these, that of brightness and contrast of all. [] = none are; None = those of three, none of other
            numbers of channels.
        augment_scope: 'batch': jitter and blur act on all images of a batch or on none; 'image': on each by itself.
        **teacher: of :class:`MeanTeacher` and :class:`UDADecorator`.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(
        self,
        *,
        blur: bool = True,
        color_jitter_strength: float = 0.2,
        color_jitter_probability: float = 0.2,
        color_jitter_bands: Sequence[int] | None = None,
        augment_scope: Literal['batch', 'image'] = 'batch',
        **teacher,
    ) -> None:
        super().__init__(**teacher)
        rgb = None if color_jitter_bands is None else tuple(color_jitter_bands)
        self.strong_augment = StrongAugment(color_jitter_strength, color_jitter_probability, blur, rgb, augment_scope)

    def augment(self, img: Tensor, img_metas: list[dict]) -> Tensor:
        """Colour jitter and blur of normalised images."""
        norm = img_metas[0]['img_norm_cfg']
        self.strong_augment.check_channels(img.shape[1])
        params = self.strong_augment.draw(len(img))
        return strong_augment.apply(params, img, mean=norm['mean'], std=norm['std'])


class SelfTraining(AugmentingTeacher):
    """A method whose teacher labels the target images.

    Args:
        pseudo_threshold: tau, confidence that counts as sure; in 0..1.
        pseudo_weight_ignore_top: rows at the upper edge whose pseudo-labels are not trusted.
        pseudo_weight_ignore_bottom: rows at the lower edge.
        pseudo_flip: the teacher labels the mean of what it predicts of an image and of its mirror image.
        **augmenting: of :class:`AugmentingTeacher`.

    Raises:
        InputError: a setting is out of its range.
    """

    labels_target = True

    def __init__(
        self,
        *,
        pseudo_threshold: float = 0.968,
        pseudo_weight_ignore_top: int = 0,
        pseudo_weight_ignore_bottom: int = 0,
        pseudo_flip: bool = False,
        **augmenting,
    ) -> None:
        super().__init__(**augmenting)
        require(0 <= pseudo_threshold <= 1, 'uda.pseudo_threshold', pseudo_threshold, 'in 0..1')
        for edge, rows in [('top', pseudo_weight_ignore_top), ('bottom', pseudo_weight_ignore_bottom)]:
            require(isinstance(rows, int) and rows >= 0, f'uda.pseudo_weight_ignore_{edge}', rows, 'a number of rows')
        self.pseudo_threshold = pseudo_threshold
        self.ignore_top = pseudo_weight_ignore_top
        self.ignore_bottom = pseudo_weight_ignore_bottom
        self.pseudo_flip = pseudo_flip

    def pseudo_label(self, data: Mapping[str, Any]) -> PseudoLabel:
        """p_T and q_T of the target images, from the teacher."""
        logits = self.ema_model.encode_decode(data['target_img'])
        if self.pseudo_flip:
            logits = mean_prediction(logits, self.ema_model.encode_decode(data['target_img'].flip(3)).flip(3))
        return self.trusted(pseudo_label(logits, threshold=self.pseudo_threshold), data)

    def trusted(self, pseudo: PseudoLabel, data: Mapping[str, Any]) -> PseudoLabel:
        pseudo = super().trusted(pseudo, data)
        return trusted(pseudo, ignore_top=self.ignore_top, ignore_bottom=self.ignore_bottom)

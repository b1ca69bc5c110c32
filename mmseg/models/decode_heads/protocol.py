"""What a segmentor, and whoever trains it, asks of a decode head. :class:`BaseDecodeHead` is one way to have it."""

from typing import Any, Protocol

from torch import Tensor


class Head(Protocol):
    """From features to logits in two steps, so that a loss on what is in front of the classifier costs no second pass.

    Attributes:
        num_classes: number of classes of the logits.
        ignore_index: class id of pixels without a label.
        align_corners: how logits are resized.
    """

    num_classes: int
    ignore_index: int
    align_corners: bool

    def __call__(self, features: Any) -> Tensor:
        """The segmentor's features -> logits (B, classes, h, w): ``cls_seg(embed(features))``."""

    def embed(self, features: Any) -> Any:
        """The segmentor's features -> what the classifier gets: a map (B, channels, h, w).

        A head with several decoders gives a NamedTuple of maps.
        """

    def cls_seg(self, embedded: Any) -> Tensor:
        """What :meth:`embed` gives -> logits (B, classes, h, w); with the dropout in front of the classifier."""

    def logits_of(self, embedded: Any) -> Any:
        """What :meth:`embed` gives -> all predictions that are trained, for :meth:`losses`.

        These are the logits of :meth:`cls_seg`; a head that trains several predictions gives a NamedTuple of them.
        """

    def prediction(self, logits: Any) -> Tensor:
        """The logits (B, classes, h, w) that the head predicts with, of what :meth:`logits_of` gives."""

    def losses(self, logits: Any, label: Tensor, seg_weight: Tensor | None = None) -> dict[str, Tensor]:
        """Losses and accuracies of what :meth:`logits_of` gives, by their names in the log (``loss_seg``).

        Args:
            logits: all predictions.
            label: (B, 1, H, W) or (B, H, W), class ids.
            seg_weight: (B, H, W), a weight per pixel for the losses.
        """

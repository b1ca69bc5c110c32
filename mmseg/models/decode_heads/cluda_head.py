"""The head of CLUDA on HRDA (Vayyat et al., 2022, arXiv 2208.14227): HRDA's, with weights for the pixel contrast."""

from typing import Any

from torch import Tensor

from mmseg.models.decode_heads.hrda_head import HRDAHead, ScaleFeatures, attention_settings
from mmseg.registry import MODELS


@MODELS.register_module()
class CLUDAHead(HRDAHead):
    """As :class:`HRDAHead`, with another fusion, y = up(a) * y_d + (1 - up(a)) * up(y_c), and one further network.

    That network, ``feat_weighter``, reads the context, as the attention does, and is built as it is. It says how much
    of a pair of pixels is contrasted within the context, and how much between context and detail; a further term
    ``PixelContrast`` with ``resolutions=2`` trains it, and nothing else does. The context prediction is trained as it
    is, where it has a weight.

    Args:
        single_scale_head: type of the decoder.
        attention_embed_dim: channels of the attention network and of ``feat_weighter``.
        attention_classwise: of :class:`HRDAHead`, as all that follow.
        hr_loss_weight: weight of the loss of the detail prediction, in 0..1.
        lr_loss_weight: of the context prediction.
        fixed_attention: of the fusion; the weights of the contrast are learnt all the same.
        **head: arguments of the decoder.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(
        self,
        *,
        single_scale_head: str,
        attention_embed_dim: int = 256,
        attention_classwise: bool = True,
        hr_loss_weight: float = 0.0,
        lr_loss_weight: float = 0.0,
        fixed_attention: float | None = None,
        **head: Any,
    ) -> None:
        super().__init__(
            single_scale_head=single_scale_head,
            attention_embed_dim=attention_embed_dim,
            attention_classwise=attention_classwise,
            hr_loss_weight=hr_loss_weight,
            lr_loss_weight=lr_loss_weight,
            fixed_attention=fixed_attention,
            **head,
        )
        weighter = {**attention_settings(head, attention_embed_dim), 'num_classes': 1}
        self.feat_weighter = MODELS.build({'type': single_scale_head, **weighter})

    def init_weights(self) -> None:
        super().init_weights()
        self.feat_weighter.init_weights()

    def pair_weights(self, features: ScaleFeatures) -> Tensor:
        """a of each pixel of the context, in 0..1: (B, 1, h, w); a pair gets the product of both."""
        return self.feat_weighter(features.context).sigmoid()

    def blend(self, attention: Tensor, detail: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        fine = (detail.shape[2], detail.shape[3])
        shown = self._up(attention, fine)
        return shown * detail + (1 - shown) * self._up(context, fine), context

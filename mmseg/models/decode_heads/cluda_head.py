"""The head of CLUDA on HRDA (Vayyat et al., 2022, arXiv 2208.14227): HRDA's, with weights for the pixel contrast."""

from typing import Any

from torch import Tensor

from mmseg.models.decode_heads.hrda_head import HRDAHead, ScaleFeatures
from mmseg.registry import MODELS


@MODELS.register_module()
class CLUDAHead(HRDAHead):
    """As :class:`HRDAHead`, with another fusion, y = up(a) * y_d + (1 - up(a)) * up(y_c), and one further network.

    That network, ``feat_weighter``, reads the context, as the attention does, and is built as it is. It says how much
    of a pair of pixels is contrasted within the context, and how much between context and detail; a further term
    ``PixelContrast`` with ``resolutions=2`` trains it, and nothing else does. The context prediction is trained as it
    is, where it has a weight.

    Args:
        **head: of :class:`HRDAHead`. ``feat_weighter`` has ``attention_embed_dim`` channels too, and is there also with
            a ``fixed_attention``.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(self, **head: Any) -> None:
        super().__init__(**head)
        self.feat_weighter = MODELS.build({**self.attention_network, 'num_classes': 1})

    def init_weights(self) -> None:
        super().init_weights()
        self.feat_weighter.init_weights()

    def pair_weights(self, features: ScaleFeatures) -> Tensor:
        """a of each pixel of the context, in 0..1: (B, 1, h, w); a pair gets the product of both."""
        return self.feat_weighter(features.context).sigmoid()

    def blend(self, attention: Tensor, detail: Tensor, context: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        fine = (detail.shape[2], detail.shape[3])
        shown = self._up(attention, fine, scale)
        return shown * detail + (1 - shown) * self._up(context, fine, scale), context

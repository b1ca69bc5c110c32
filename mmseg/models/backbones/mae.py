"""The encoder of a masked autoencoder (He et al., 2022) for segmentation."""

import torch
from torch import nn

from mmseg.models.backbones.beit import BEiT
from mmseg.models.backbones.position import resize_position_embedding
from mmseg.models.weights import State
from mmseg.registry import MODELS


@MODELS.register_module()
class MAE(BEiT):
    """MAE: as :class:`BEiT`, but with an absolute position embedding and a bias of queries, keys and values.

    Args:
        init_values: start of the factors of every block's branches. The pretrained network has no such factors, so
            anything but 1 would scale down all that it has learnt. (OpenMMLab's default is 0.1.)
        **beit: see :class:`BEiT`.
    """

    # what the segmentation network adds to the pretrained one; it starts without effect
    may_be_missing = (*BEiT.may_be_missing, '*.gamma_?', '*.relative_position_bias_table')
    ignored = (*BEiT.ignored, 'decoder_*')

    def __init__(self, *, init_values: float = 1.0, **beit) -> None:
        super().__init__(init_values=init_values, **beit)

    def build_position(self, channels: int) -> nn.Parameter | None:
        """Absolute position embedding (1, 1 + N, ``channels``)."""
        return nn.Parameter(torch.zeros(1, 1 + self.window[0] * self.window[1], channels))

    @staticmethod
    def attention_bias(*, qv_bias: bool) -> str | None:
        """Queries, keys and values have a bias, whatever ``qv_bias`` says."""
        del qv_bias
        return 'qkv'

    def convert(self, state: State) -> State:
        """As :class:`BEiT`; the position embedding is resized to our grid."""
        state = super().convert(state)
        if 'pos_embed' in state and state['pos_embed'].shape[1] != 1 + self.window[0] * self.window[1]:
            state['pos_embed'] = resize_position_embedding(state['pos_embed'], self.window, num_extra=1)
        return state

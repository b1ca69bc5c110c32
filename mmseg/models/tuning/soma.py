"""SoMA, singular value decomposed minor components adaptation (Yun et al., CVPR 2025, arXiv 2412.04077)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmseg.config.values import Count, Whole
from mmseg.models.tuning.lora import check_rank
from mmseg.models.tuning.low_rank import LowRankLinear, become, linear_layers
from mmseg.models.tuning.tuning import Tuning
from mmseg.registry import MODELS


class SoMALinear(LowRankLinear):
    """W - U_0 D_0 + U D: the pretrained W stays as it is in its file, and the first factors are kept beside it."""

    soma_down: Tensor
    soma_up: Tensor
    soma_down_start: Tensor
    soma_up_start: Tensor

    def factors(self) -> tuple[Tensor, Tensor]:
        down = torch.cat([self.soma_down, self.soma_down_start.to(self.soma_down.dtype)])
        up = torch.cat([self.soma_up, -self.soma_up_start.to(self.soma_up.dtype)], dim=1)
        return down, up


@MODELS.register_module()
class SoMA(Tuning):
    """Of each weight matrix W = sum_i s_i u_i v_i^T the components of the smallest singular values learn.

    U_0 D_0 is their sum, U_0 = u sqrt(s), D_0 = sqrt(s) v^T: at the start the layer does what it did.

    Args:
        layers: which linear layers, by the last parts of their names.
        rank: number of components.
        first_block: blocks in front of this number (0 is the first) learn nothing; 8 of 24 in the paper.

    Raises:
        InputError: a name is that of no linear layer, or a layer has fewer channels than ``rank``.
    """

    def __init__(self, *, layers: Sequence[str], rank: Count = 16, first_block: Whole = 0) -> None:
        self.layers, self.rank, self.first_block = list(layers), rank, first_block

    def apply(self, encoder: nn.Module) -> list[str]:
        for plain in linear_layers(encoder, self.layers, owner='SoMA', first_block=self.first_block):
            check_rank(plain, self.rank, owner='SoMA')
            layer = become(plain, SoMALinear)
            down, up = torch.zeros(self.rank, layer.in_features), torch.zeros(layer.out_features, self.rank)
            layer.register_parameter('soma_down', nn.Parameter(down))
            layer.register_parameter('soma_up', nn.Parameter(up))
            layer.register_buffer('soma_down_start', down.clone())
            layer.register_buffer('soma_up_start', up.clone())
        return ['*.soma_*']

    @torch.no_grad()
    def start(self, encoder: nn.Module) -> None:
        for layer in encoder.modules():
            if isinstance(layer, SoMALinear):
                down, up = smallest_components(layer._parameters['weight'], len(layer.soma_down))  # type: ignore[arg-type]
                for kept in (layer.soma_down, layer.soma_down_start):
                    kept.copy_(down)
                for kept in (layer.soma_up, layer.soma_up_start):
                    kept.copy_(up)


def smallest_components(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """D (r, in) and U (out, r), whose product is the part of ``weight`` (out, in) of its smallest singular values."""
    u, s, vh = torch.linalg.svd(weight.detach().float(), full_matrices=False)
    root = s[-rank:].sqrt()
    return root[:, None] * vh[-rank:], u[:, -rank:] * root

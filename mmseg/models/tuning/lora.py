"""LoRA, low-rank adaptation (Hu et al., ICLR 2022, arXiv 2106.09685)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmseg.config.values import Count, Positive, Whole
from mmseg.errors import InputError
from mmseg.models.tuning.low_rank import LowRankLinear, become, linear_layers
from mmseg.models.tuning.tuning import Tuning
from mmseg.registry import MODELS


class LoRALinear(LowRankLinear):
    """W + alpha / r * U D."""

    lora_down: Tensor
    lora_up: Tensor
    lora_scale: float

    def factors(self) -> tuple[Tensor, Tensor]:
        return self.lora_down, self.lora_up * self.lora_scale


@MODELS.register_module()
class LoRA(Tuning):
    """Linear layers keep their weights and learn a difference of low rank, which is 0 at the start.

    Args:
        layers: which, by the last parts of their names: 'qkv', 'mlp.fc1', 'blocks.*.attn.proj'.
        rank: r.
        alpha: the difference is U D * alpha / r; None for r.
        first_block: blocks in front of this number (0 is the first) learn nothing.

    Raises:
        InputError: a name is that of no linear layer, or a layer has fewer channels than ``rank``.
    """

    def __init__(
        self, *, layers: Sequence[str], rank: Count = 16, alpha: Positive | None = None, first_block: Whole = 0
    ) -> None:
        self.layers, self.rank, self.first_block = list(layers), rank, first_block
        self.scale = 1.0 if alpha is None else alpha / rank

    def apply(self, encoder: nn.Module) -> list[str]:
        for plain in linear_layers(encoder, self.layers, owner='LoRA', first_block=self.first_block):
            check_rank(plain, self.rank, owner='LoRA')
            layer = become(plain, LoRALinear)
            layer.register_parameter('lora_down', nn.Parameter(torch.zeros(self.rank, layer.in_features)))
            layer.register_parameter('lora_up', nn.Parameter(torch.zeros(layer.out_features, self.rank)))
            layer.lora_scale = self.scale  # type: ignore[assignment]
        return ['*.lora_down', '*.lora_up']

    def start(self, encoder: nn.Module) -> None:
        for layer in encoder.modules():
            if isinstance(layer, LoRALinear):
                nn.init.kaiming_uniform_(layer.lora_down, a=math.sqrt(5))
                nn.init.zeros_(layer.lora_up)


def check_rank(layer: nn.Linear, rank: int, *, owner: str) -> None:
    """Refuse a rank that a layer cannot have.

    Raises:
        InputError: naming the layer's channels.
    """
    largest = min(layer.in_features, layer.out_features)
    if rank > largest:
        raise InputError(
            f'{owner}: rank={rank} is more than a layer of {layer.in_features} to {layer.out_features} channels has '
            f'({largest}).'
        )

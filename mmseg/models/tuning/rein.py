"""Learnt tokens that refine the features between the blocks of a frozen encoder.

After Rein (Wei et al., CVPR 2024, arXiv 2312.04265), written from the paper's formulas. What differs: the learnt tokens
have no link to the queries of a mask decoder, all tokens of an image are refined, a class token too, and the scale
learns.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.config.values import Count, Positive
from mmseg.errors import InputError
from mmseg.models.tuning.rules import chosen, layers_of
from mmseg.models.tuning.tuning import Tuning
from mmseg.registry import MODELS


class LearntTokens(nn.Module):
    """The tokens T_i = A_i B_i of blocks that have the same channels, and the maps that these blocks share.

    Args:
        blocks: number of blocks.
        channels: c, of their features.
        tokens: m, of each block.
        rank: r of A_i (m, r) and B_i (r, c).
        scale: what the difference is multiplied with at the start.
    """

    def __init__(self, *, blocks: int, channels: int, tokens: int, rank: int, scale: float) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.zeros(blocks, tokens, rank))
        self.right = nn.Parameter(torch.zeros(blocks, rank, channels))
        self.of_tokens = nn.Linear(channels, channels)
        self.of_features = nn.Linear(channels, channels)
        self.scale = nn.Parameter(torch.tensor(scale))
        self.first_scale = scale

    def draw(self) -> None:
        """Tokens of standard deviation 0.02."""
        nn.init.normal_(self.left, std=1 / math.sqrt(self.left.shape[-1]))
        nn.init.normal_(self.right, std=0.02)
        self.of_tokens.reset_parameters()
        self.of_features.reset_parameters()
        nn.init.constant_(self.scale, self.first_scale)

    def difference(self, block: int, features: Tensor) -> Tensor:
        """What is added to the features f (B, ..., c) of a block.

        S = softmax(f T^T / sqrt(c)); its first column counts for nothing, so that a feature may choose no token:
        (S[1:] (T[1:] W_T + b_T) + f) W_f + b_f.
        """
        tokens = self.left[block] @ self.right[block]
        similarity = (features @ tokens.T / math.sqrt(features.shape[-1])).softmax(dim=-1)
        chosen_tokens = similarity[..., 1:] @ self.of_tokens(tokens[1:])
        return self.scale * self.of_features(chosen_tokens + features)

    def refine(self, block: int, module: nn.Module, arguments: Any, features: Any) -> Tensor:
        """The features that a block hands on."""
        channels = self.right.shape[-1]
        if not isinstance(features, Tensor) or features.shape[-1] != channels:
            raise InputError(
                f'Rein: {type(module).__name__} does not give tokens of {channels} channels, (B, ..., {channels}): '
                'name blocks of a Transformer.'
            )
        return features + self.difference(block, features)


@MODELS.register_module()
class Rein(Tuning):
    """Learnt tokens behind each block.

    Args:
        blocks: the blocks, by the last parts of their names; of those inside of each other the outer ones.
        tokens: m, tokens of a block.
        rank: r of the two factors of the tokens.
        scale: of the difference at the start.

    Raises:
        InputError: no block has the name, or it has no norm that says its channels, or there are two such rules.
    """

    def __init__(
        self, *, blocks: Sequence[str] = ('blocks.*',), tokens: Count = 100, rank: Count = 16, scale: Positive = 0.001
    ) -> None:
        self.blocks = list(blocks)
        self.settings: dict[str, Any] = {'tokens': tokens, 'rank': rank, 'scale': scale}

    def apply(self, encoder: nn.Module) -> list[str]:
        if hasattr(encoder, 'rein'):
            raise InputError('Rein: the encoder has learnt tokens already: name all blocks in one rule.')
        found = chosen(layers_of(encoder), self.blocks, owner='Rein')
        outer = {n: m for n, m in found.items() if not any(n.startswith(f'{other}.') for other in found)}
        widths: dict[int, list[nn.Module]] = {}
        for name, block in outer.items():
            widths.setdefault(_channels(name, block), []).append(block)
        maps = nn.ModuleDict()
        for channels, blocks in widths.items():
            tokens = LearntTokens(blocks=len(blocks), channels=channels, **self.settings)
            maps[str(channels)] = tokens
            for number, block in enumerate(blocks):
                # in front of others, which are to see what the block hands on: an adapter
                block.register_forward_hook(partial(tokens.refine, number), prepend=True)
        encoder.add_module('rein', maps)
        encoder.beside = (*getattr(encoder, 'beside', ()), 'rein')  # type: ignore[assignment]
        return ['rein.*']

    def start(self, encoder: nn.Module) -> None:
        for module in encoder.modules():
            if isinstance(module, LearntTokens):
                module.draw()


def _channels(name: str, block: nn.Module) -> int:
    norm = next((module for module in block.modules() if isinstance(module, nn.LayerNorm)), None)
    if norm is None:
        raise InputError(f'Rein: {name} has no LayerNorm, and is no block of a Transformer.')
    return norm.normalized_shape[0]

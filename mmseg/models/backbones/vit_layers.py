"""What the plain vision Transformers share: patches, blocks' start values, and maps from tokens."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.models.layers import build_norm
from mmseg.models.layers.init import draw_normal_
from mmseg.models.layers.pad import pad

LN = {'type': 'LN', 'eps': 1e-6}


class PatchTokens(nn.Module):
    """Non-overlapping patches as tokens.

    Args:
        in_channels: channels of the image.
        channels: channels of a token.
        patch_size: side of a patch.
        norm_cfg: a norm over the tokens, or None.
        pads: zeros complete the patches at the right and the bottom; else what is left over is cut.
    """

    def __init__(
        self, *, in_channels: int, channels: int, patch_size: int, norm_cfg: dict | None, pads: bool = False
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.pads = pads
        self.projection = nn.Conv2d(in_channels, channels, patch_size, patch_size)
        self.norm = build_norm(norm_cfg, channels)[1] if norm_cfg is not None else nn.Identity()

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """(rows, columns) of the patches of an image of ``size`` (height, width)."""
        rest = self.patch_size - 1 if self.pads else 0
        return (size[0] + rest) // self.patch_size, (size[1] + rest) // self.patch_size

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Image (B, 3, H, W) -> tokens (B, rows * columns, C) and (rows, columns)."""
        if self.pads:
            x = pad(x, (0, -x.shape[3] % self.patch_size, 0, -x.shape[2] % self.patch_size))
        x = self.projection(x)
        return self.norm(x.flatten(2).transpose(1, 2)), (x.shape[2], x.shape[3])


def hide(tokens: Tensor, hidden: Tensor | None, mask_token: Tensor | None) -> Tensor:
    """Tokens (B, N, C) with ``mask_token`` (1, 1, C) where ``hidden`` (B, 1, rows, columns) bool says so.

    Raises:
        InputError: there is no mask token.
    """
    if hidden is None:
        return tokens
    if mask_token is None:
        raise InputError('Tokens can be hidden from an encoder with a mask token: set backbone.mask_token=True.')
    return torch.where(hidden.flatten(1).unsqueeze(2), mask_token.to(tokens.dtype), tokens)


def grid_of(img_size: int | Sequence[int], patch_size: int) -> tuple[int, int]:
    """(rows, columns) of whole patches in an image of ``img_size``: a side, or (height, width)."""
    height, width = (img_size, img_size) if isinstance(img_size, int) else img_size
    return height // patch_size, width // patch_size


def block_indices(out_indices: int | Sequence[int], num_layers: int) -> tuple[int, ...]:
    """Blocks whose output is returned, counted from 0; a single -1 is the last one."""
    indices = (out_indices,) if isinstance(out_indices, int) else tuple(out_indices)
    return tuple(i % num_layers for i in indices)


def to_map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Tokens (B, N, C), the last of which fill a grid of ``size`` = (rows, columns) -> map (B, C, rows, columns)."""
    grid = tokens[:, tokens.shape[1] - size[0] * size[1] :]
    return grid.transpose(1, 2).unflatten(2, size).contiguous()


def draw_transformer(network: nn.Module) -> None:
    """Truncated normal linear layers of std 0.02, nearly no bias behind a block, He-normal patches over the fan-in."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            draw_normal_(module.weight)
            if module.bias is not None and '.ffn.' in name:
                nn.init.normal_(module.bias, std=1e-6)
            elif module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode='fan_in', nonlinearity='relu')
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.MultiheadAttention):
            draw_normal_(module.in_proj_weight)
            if module.in_proj_bias is not None:
                nn.init.zeros_(module.in_proj_bias)

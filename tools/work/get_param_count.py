"""Parameters and FLOPs of a network, counted from shapes."""

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from mmseg.apis import without_pretrained
from mmseg.config.load import load_config, parse_cfg_options
from mmseg.engine.flop_count import counted_flops
from mmseg.errors import InputError
from mmseg.registry import MODELS


class Cost(NamedTuple):
    """A part of a network (``''``: all of it), its parameters, and its FLOPs for one image."""

    part: str
    parameters: int
    flops: int


def run(args: argparse.Namespace) -> None:
    """Print a table for each config."""
    options = parse_cfg_options(args.cfg_options)
    for config in args.configs:
        cfg = load_config(config, options, purpose='test')
        height, width = args.size
        print(f'{config}, image {height}x{width} (rows x columns)')
        print('\n'.join(table(costs(build(cfg.model), (height, width)))))


def build(model: Any) -> nn.Module:
    """The segmentor of a config's ``model``, without memory for its weights."""
    with torch.device('meta'):
        return MODELS.build(without_pretrained(model)).eval()


@torch.no_grad()
def costs(segmentor: nn.Module, size: tuple[int, int]) -> list[Cost]:
    """The cost of predicting one image of ``size`` (height, width): the parts in order, then the whole.

    Args:
        segmentor: on the meta device, or any other.
        size: of the image, in pixels.

    Raises:
        InputError: the network takes no images of this size.
    """
    device = next(segmentor.parameters()).device
    try:
        with counted_flops() as counter:
            segmentor(torch.zeros(1, 3, *size, device=device))
    except (RuntimeError, ValueError) as error:
        raise InputError(f'An image of {size[0]}x{size[1]} cannot be predicted: {error}') from error
    counts = counter.get_flop_counts()
    root = type(segmentor).__name__
    parts = [
        Cost(name, _parameters(child), sum(counts.get(f'{root}.{name}', {}).values()))
        for name, child in segmentor.named_children()
        if _parameters(child)
    ]
    return [*parts, Cost('', _parameters(segmentor), counter.get_total_flops())]


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def table(rows: Sequence[Cost]) -> list[str]:
    """Lines of text: parameters in millions, FLOPs in billions."""
    lines = [f'{"part":16} {"parameters":>12} {"GFLOPs":>10}']
    for cost in rows:
        lines.append(f'{cost.part or "total":16} {cost.parameters / 1e6:>10.3f} M {cost.flops / 1e9:>10.2f}')
    return lines

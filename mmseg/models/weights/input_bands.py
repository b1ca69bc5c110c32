"""Weights for images of three bands (ImageNet's) in a network for images of any number of bands."""

import logging
from collections.abc import Mapping

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

MEAN, REPEAT = WAYS = ('mean', 'repeat')
RGB = 3


def for_other_bands(network: nn.Module, state: Mapping[str, Tensor], way: str, *, source: str) -> dict[str, Tensor]:
    """``state`` with a first layer for as many bands as ``network`` takes, where it was made for three.

    Whatever does not fit otherwise is left as it is, to be refused by whoever loads it. A line in the log says what was
    done.

    Args:
        network: whose first convolution takes other bands.
        state: weights by name.
        way: 'mean' gives every band the mean of the three; 'repeat' gives them in turn. Either is scaled by three over
            the number of bands, so that the sum over the bands, and with it the response to grey, is kept.
        source: where the weights come from, for the message.
    """
    found = dict(state)
    name = first_convolution(network)
    given = found.get(name) if name else None
    if name is None or given is None or given.ndim != 4 or given.shape[1] != RGB:
        return found
    wanted = network.get_parameter(name).shape
    if wanted[1] == RGB or wanted[0] != given.shape[0] or wanted[2:] != given.shape[2:]:
        return found
    found[name] = adapted(given, wanted[1], way)
    how = 'the mean of those of red, green and blue' if way == MEAN else 'those of red, green and blue in turn'
    print_log(
        f'{source} is for images of 3 bands: of the {wanted[1]} bands here each has {how}, times 3/{wanted[1]} '
        f"(init_cfg=dict(type='Pretrained', checkpoint=..., bands={way!r})).",
        'current',
        logging.INFO,
    )
    return found


def adapted(weight: Tensor, bands: int, way: str) -> Tensor:
    """Weights (out, 3, h, w) for ``bands`` bands: (out, bands, h, w), with the same sum over the bands for 'mean'."""
    chosen = weight.mean(1, keepdim=True).repeat(1, bands, 1, 1)
    if way == REPEAT:
        chosen = weight[:, torch.arange(bands) % RGB]
    return chosen * (RGB / bands)


def first_convolution(network: nn.Module) -> str | None:
    """The name of the weight of the layer that sees the image; None where that is no convolution."""
    for name, module in network.named_modules():
        if not list(module.children()) and list(module.parameters(recurse=False)):
            return f'{name}.weight' if isinstance(module, nn.Conv2d) else None
    return None

"""Whether an exported file computes what PyTorch does."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.export.files import Facts, Runs

#: (images, height, width) that the network sees where any size can be; one that no stride divides among them
SIZES = ((1, 128, 128), (2, 96, 160), (1, 125, 77))
#: largest difference of logits as a part of the largest one, and of probabilities
TOLERANCE = 1e-3
#: part of the pixels whose two best classes may be so close that rounding decides
TIES = 1e-3


class Difference(NamedTuple):
    """The largest difference of logits (as a part of the largest) or probabilities, and of what share of pixels the
    class differs.
    """

    largest: float
    pixels: float


def compare(run: Runs, network: nn.Module, facts: Facts) -> dict[str, Difference]:
    """What an exported file and the network differ by, at three sizes (or batches, of a fixed size).

    Args:
        run: of :func:`mmseg.export.files.read`.
        network: of :func:`mmseg.export.network.exportable`.
        facts: of the file.

    Raises:
        InputError: they differ by more than rounding.
    """
    found = {}
    for number, (count, height, width) in enumerate(_sizes(facts)):
        image = drawn(facts, count, height, width, seed=number)
        with torch.no_grad():
            wanted = network(image)
        difference = _difference(run(image), wanted if facts.processing else (wanted,))
        name = f'{count}x{height}x{width}'
        if not (difference.largest <= TOLERANCE and difference.pixels <= TIES):
            raise InputError(
                f'The exported file differs from PyTorch at {name}: by {difference.largest:.2g}, another class at '
                f'{difference.pixels:.2%} of the pixels. With a fixed --size HEIGHT WIDTH it may not.'
            )
        found[name] = difference
    return found


def example(facts: Facts) -> Tensor:
    """Several images to export with, so large that no map in the network has a side of 1: a file would keep to it."""
    return drawn(facts, *_sizes(facts)[1], seed=0)


def _sizes(facts: Facts) -> list[tuple[int, int, int]]:
    """(images, height, width) of the images, before they are scaled."""
    if facts.size:
        height, width = facts.size
        return [(count, height, width) for count in (1, 2, 3)]
    return [(count, math.ceil(height / facts.scale), math.ceil(width / facts.scale)) for count, height, width in SIZES]


def drawn(facts: Facts, count: int, height: int, width: int, *, seed: int) -> Tensor:
    """Images of noise in the form that the file takes."""
    generator = torch.Generator().manual_seed(seed)
    if facts.processing:
        return torch.randint(0, 256, (count, height, width, 3), generator=generator, dtype=torch.uint8)
    return torch.randn(count, len(facts.norm['mean']), height, width, generator=generator)


def _difference(got: tuple[Tensor, ...], wanted: tuple[Tensor, ...]) -> Difference:
    if [tuple(x.shape) for x in got] != [tuple(x.shape) for x in wanted]:
        return Difference(float('inf'), 1.0)
    if len(wanted) == 2:
        return Difference(float((got[1] - wanted[1]).abs().max()), float((got[0] != wanted[0]).float().mean()))
    largest = float((got[0] - wanted[0]).abs().max() / wanted[0].abs().max())
    return Difference(largest, float((got[0].argmax(1) != wanted[0].argmax(1)).float().mean()))
